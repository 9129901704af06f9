//! Which literals in Nix are findings, and which are not.

use super::*;

fn masked(text: &str) -> Vec<String> {
    find(text).expect("not deep").into_iter().map(|found| format!("{} {}", found.kind.name, found.masked)).collect()
}

#[test]
fn passwords_and_hashes_are_found_wherever_they_stand() {
    for (text, expected) in [
        (r#"{ users.users.a.password = "hunter2"; }"#, "nix-password password = … (fewer than 8 characters)"),
        (
            r#"{ a.initialPassword = lib.mkDefault "hunter22"; }"#,
            "nix-password initialPassword = … (8 to 15 characters)",
        ),
        (
            r#"{ a = lib.mkIf c { "rootPassword" = "hunter2"; }; }"#,
            "nix-password rootPassword = … (fewer than 8 characters)",
        ),
        (r#"{ hashedPassword = "$6$salt$hashhash"; }"#, "nix-password-hash $6$… (16 characters)"),
        (
            r#"{ initialHashedPassword = if x then "!" else "$y$j9T$salt$hash"; }"#,
            "nix-password-hash $y$… (16 characters)",
        ),
        (r#"{ passwordHash = "0123456789abcdef"; }"#, "nix-password-hash … (16 characters)"),
        ("{ password = ''\n  hunter2\n''; }", "nix-password password = … (fewer than 8 characters)"),
        (r#"let password = "a b c d e"; in x"#, "nix-password password = … (8 to 15 characters)"),
        (
            r#"{ networking.wireless.networks.home.psk = "correct horse"; }"#,
            "nix-password psk = … (8 to 15 characters)",
        ),
        (r#"{ x.apiKey = "q8Zr3xWm7Tk1Vb5Nc9Ld"; }"#, "nix-secret apiKey = … (20 characters)"),
        (r#"{ x.y."auth-token" = mkForce ("q8Zr3xWm7Tk1Vb5Nc9Ld"); }"#, "nix-secret auth-token = … (20 characters)"),
        (r#"{ a.password = "hunter2"; } }}}} not nix"#, "nix-password password = … (fewer than 8 characters)"),
    ] {
        assert_eq!(masked(text), [expected], "{text}");
    }
}

#[test]
fn what_names_a_secret_or_locks_an_account_is_none() {
    for text in [
        "{ password = null; }",
        r#"{ password = ""; hashedPassword = "!"; initialHashedPassword = "*"; }"#,
        r#"{ hashedPassword = "!$6$salt$hashhash"; }"#,
        r#"{ password = "${config.x}"; token = "a${b}q8Zr3xWm7Tk1Vb5Nc9Ld"; }"#,
        r#"{ passwordFile = "/run/secrets/x"; hashedPasswordFile = "hunter2"; }"#,
        r#"{ password = "/run/secrets/x"; token = "op://v/i/f"; psk = "ext:home"; }"#,
        r#"{ password = "@PASSWORD@"; rootPassword = "$ROOT_PASSWORD"; }"#,
        r#"# password = "hunter2";"#,
        r#"{ text = "password = hunter2"; }"#,
        r#"{ password = mkOption { type = types.str; default = ""; description = "The password"; }; }"#,
        r#"{ forgotPassword = "Have you forgotten it?"; }"#,
        r#"{ publicKey = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="; sha256 = "q8Zr3xWm7Tk1Vb5Nc9Ld"; }"#,
        r#"{ token = "tailscale-auth-key-01"; secret = "web/database/password"; }"#,
        r#"{ password = builtins.readFile "hunter2"; }"#,
    ] {
        assert_eq!(masked(text), [""; 0], "{text}");
    }
}

#[test]
fn deep_nesting_is_refused_and_not_fallen_into() {
    let deep = [
        "(",
        "[",
        "{ a = ",
        "x: ",
        "x:\n",
        "!",
        "-\n",
        "if a then b else\n",
        "a + ",
        "a //\n",
        "f ",
        "[ ! ",
        "{ x ? ",
        "${",
        "\"${",
    ];
    for deep in deep {
        // Half a megabyte of it, in a thread with a small stack.
        let text = format!("{{ password = {}", deep.repeat(512 * 1024 / deep.len()));
        let looked = std::thread::spawn(move || find(&text).is_none());
        assert!(looked.join().is_ok(), "{deep}");
    }
    // What is long and flat is none of it.
    let flat = format!(
        "{{ a = [ {} ]; {} password = \"hunter2\"; }}",
        "\"x:y\" a.b ".repeat(9999),
        "a = b: c;\n".repeat(9999)
    );
    assert_eq!(masked(&flat).len(), 1);
    assert!(find(&format!("{{ password = {}1{}; }}", "(".repeat(300), ")".repeat(300))).is_some());
}
