//! `init`: makes a repository usable. What exists is never changed, only added to.

use crate::audit::{self, Action};
use crate::base::files::{self, Beneath};
use crate::base::places::config_directory;
use crate::base::{Error, FleetId, OperatorName, Result};
use crate::bundle::without_comment;
use crate::cli::{args::Init, context::Context};
use crate::grants;
use crate::manifest::{MANIFEST_FILE, Repository};
use crate::operator::{Config, NewKeys, new_identity, new_signing_key, public_of_signing_key, recipients_of};
use std::path::{Path, PathBuf};

pub(super) fn run(context: &Context, args: &Init) -> Result<bool> {
    let name = operator_name(args)?;
    let directory = config_directory()?;
    files::make_private_directories(&directory)?;
    let _lock = context.lock_directory(&directory)?;
    files::sweep(&directory);
    point_to_existing(context, args, &directory)?;
    make_missing(context, args, &directory, &name)?;

    let keys = context.keys()?;
    let config = Config::load()?;
    let own = Config::post_quantum_file(&directory);
    // With a post-quantum key the others only open what is old: age forbids to seal to both.
    let named: Vec<_> = if config.identities.contains(&own) { vec![own.clone()] } else { config.identities };
    let recipients = named.iter().map(|path| known_recipients(path, &keys)).collect::<Result<Vec<_>>>()?.concat();
    let replace = named.contains(&own);
    let signer = public_of_signing_key(keys.signing_key_path()?)?;
    let root = context.place();
    files::make_directories(root)?;
    let lock = context.lock_directory(root)?;
    let root = Beneath::root(root)?;
    let path = root.join(MANIFEST_FILE);
    files::sweep(&root);
    let text = template(&FleetId::random(), &name, &recipients, &signer);
    let made = files::write_new(&path, text.as_bytes(), files::PUBLIC)?;
    drop(lock);
    if made {
        // Only what was written here: keys.toml and secrets/ may have been there before.
        let repository = Repository::open(context.place())?;
        grants::accept(&repository, &repository.manifest().fleet_claims())?;
        context.ui.did("made", &path.display());
    } else {
        register(context, &name, &recipients, &signer, replace)?;
    }
    context.ui.note(
        "next:  `pkeys host add NAME --scan ADDRESS`, then `pkeys secret set NAME --host HOST`, then `pkeys render`",
    );
    Ok(true)
}

/// The operator's name in `[operators]` and `[signers]`.
fn operator_name(args: &Init) -> Result<OperatorName> {
    if let Some(name) = &args.name {
        return Ok(name.clone());
    }
    let login =
        ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_else(|| "operator".into());
    OperatorName::new(login)
        .map_err(|_| Error::new("your login name cannot be used here").hint("name yourself with --name"))
}

/// With `--identity` or `--signing-key`: a config.toml that points to them.
fn point_to_existing(context: &Context, args: &Init, directory: &Path) -> Result<()> {
    let absolute = |path: &PathBuf| {
        path.canonicalize().map_err(|e| Error::io("open", path, &e)).and_then(|path| {
            if path.is_file() { Ok(path) } else { Err(Error::new(format!("{} is not a file", path.display()))) }
        })
    };
    let identity = args.identity.as_ref().map(absolute).transpose()?;
    let signing = args.signing_key.as_ref().map(absolute).transpose()?;
    if let Some(path) = &signing {
        public_of_signing_key(path)?;
    }
    if identity.is_none() && signing.is_none() {
        return Ok(());
    }
    let path = Config::file(directory);
    let text = Config::text(identity.as_deref(), signing.as_deref());
    if files::write_new(&path, text.as_bytes(), files::PRIVATE)? {
        context.ui.did("made", &path.display());
        return Ok(());
    }
    let config = Config::load()?;
    let same = identity.is_none_or(|path| config.identities.contains(&path))
        && signing.is_none_or(|path| config.signing_key == Some(path));
    if same {
        return Ok(());
    }
    Err(Error::new(format!("{} names other keys already", path.display()))
        .hint("edit that file: init changes nothing that exists"))
}

fn make_missing(context: &Context, args: &Init, directory: &Path, name: &OperatorName) -> Result<()> {
    let config = Config::load()?;
    let kept = |path: &Path| context.ui.did("kept", &path.display());
    let post_quantum = Config::post_quantum_file(directory);
    let path = if args.post_quantum { post_quantum } else { Config::identity_file(directory) };
    if args.post_quantum && config.identities.iter().any(|known| known.parent() != Some(directory)) {
        return Err(Error::new("config.toml or PKEYS_IDENTITY names the identity that is used; nothing was changed")
            .hint("make a post-quantum one with `age-keygen -pq`, and name it there"));
    }
    if let Some(path) = config.identities.iter().find(|known| !args.post_quantum || **known == path) {
        kept(path);
    } else {
        let new = new_identity(&*context.prompt, args.no_passphrase, args.post_quantum)?;
        write_pair(&path, &new)?;
        context.ui.did("made", &path.display());
    }
    if let Some(path) = &config.signing_key {
        kept(path);
    } else {
        let new = new_signing_key(&*context.prompt, args.no_passphrase, name.as_str())?;
        let path = Config::signing_key_file(directory);
        write_pair(&path, &new)?;
        context.ui.did("made", &path.display());
    }
    Ok(())
}

/// The public half first, over that of a run that failed before it had written the private one.
fn write_pair(path: &Path, new: &NewKeys) -> Result<()> {
    if files::exists(path)? {
        return Err(Error::new(format!("{} is there already", path.display())).hint("move it away, or use it"));
    }
    files::write(&path.with_extension("pub"), format!("{}\n", new.public).as_bytes(), files::PUBLIC)?;
    files::write_new(path, new.private.expose(), files::PRIVATE).map(drop)
}

/// The public half beside an identity that `init` made, so that no passphrase is asked for; else the identity's own.
fn known_recipients(path: &Path, keys: &crate::operator::Keys) -> Result<Vec<String>> {
    let directory = config_directory()?;
    if [Config::identity_file(&directory), Config::post_quantum_file(&directory)].iter().any(|own| own == path)
        && let Some(line) = files::read(&path.with_extension("pub"), 4096)?
        && let Ok(line) = String::from_utf8(line)
        && line.trim().parse::<crate::bundle::Recipient>().is_ok()
    {
        return Ok(vec![line.trim().to_owned()]);
    }
    recipients_of(path, keys)
}

/// Adds the operator to a manifest that is there.
fn register(context: &Context, name: &OperatorName, recipients: &[String], signer: &str, replace: bool) -> Result<()> {
    let mut repository = context.lock(Repository::open(context.place())?)?;
    let known = |line: &String| without_comment(line) == without_comment(signer);
    let is_signer = repository.manifest().signers.values().any(known);
    let taken = repository.manifest().signers.contains_key(name.as_str());
    if !is_signer && taken {
        return Err(Error::new(format!("{MANIFEST_FILE} has another signing key of {name}"))
            .hint("choose another --name, or change [signers] by hand"));
    }
    if repository.manifest().fleet.is_none() {
        let mut edit = repository.edit()?;
        edit.set(&[], "fleet", FleetId::random().as_str())?;
        grants::save_manifest(&mut repository, &edit)?;
        context.ui.did("added", &"the fleet's id");
        context
            .ui
            .note("next: look at `pkeys trust show`, then `pkeys trust accept`; hosts: docs/nixos.md, \"Fleet ids\"");
    }
    let mut edit = repository.edit()?;
    let mut changed = false;
    let had = repository.manifest().operators.get(name.as_str()).cloned().unwrap_or_default();
    if replace && had != recipients {
        edit.set_list(&["operators"], name.as_str(), recipients)?;
        changed = true;
    }
    for recipient in recipients.iter().filter(|_| !replace) {
        let there = repository
            .manifest()
            .operators
            .values()
            .flatten()
            .any(|r| without_comment(r) == without_comment(recipient));
        changed |= !there && edit.add_to_list(&["operators"], name.as_str(), recipient)?;
    }
    if !is_signer {
        edit.set(&["signers"], name.as_str(), signer)?;
        changed = true;
    }
    grants::accept_own(&repository, signer, recipients)?;
    if !changed {
        context.ui.did("kept", &MANIFEST_FILE);
        return Ok(());
    }
    audit::append(&repository, &[Action::new("init").text("operator", name)])?;
    grants::save_manifest(&mut repository, &edit)?;
    context.ui.did("added", name);
    context.ui.note(
        "An operator who is there already has to run `pkeys secret rekey`, so that you can open the local secrets.",
    );
    Ok(())
}

/// The manifest of a new repository.
pub(super) fn template(fleet: &FleetId, name: &OperatorName, recipients: &[String], signer: &str) -> String {
    let name = toml_edit::Key::new(name.as_str());
    let quoted = |text: &str| toml_edit::Value::from(text).to_string();
    let recipients: Vec<_> = recipients.iter().map(|r| quoted(r)).collect();
    format!(
        r#"# pkeys: what exists and who gets it. Everything here is public; values live in the sources.
version = 1
fleet = "{fleet}"  # a random id: bundles of this fleet are not valid in another

# Where secret values come from.
[sources.local]
kind = "age"                          # secrets/NAME.age; set with `pkeys secret set NAME`
directory = "secrets"

# [sources.onepassword]
# kind = "connect"                    # 1Password Connect; token: `pkeys login` or OP_CONNECT_TOKEN
# url = "http://127.0.0.1:8080"       # or OP_CONNECT_HOST

# Who can read and edit secrets/*.age. After a change: `pkeys secret rekey`.
[operators]
{name} = [{recipients}]

# Recipients of everything, for the worst day. Keep the private half offline.
[break-glass]
recipients = []

# Whose signature on a bundle hosts trust.
[signers]
{name} = {signer}

# [hosts.web]                         # `pkeys host add web --scan web.example.org`
# recipients = ["ssh-ed25519 AAAA…"]  # its SSH host key
# address = "root@web.example.org"
# tags = ["server"]

# [secrets.tailscale-auth-key]
# from = "op://vault/item/field"      # or "age:tailscale-auth-key"
# hosts = ["tag:server"]              # names, tag:NAME, or "*"

# [users.{name}]                        # `pkeys key add {name} laptop --public ~/.ssh/id_ed25519.pub`
# hosts = ["*"]                       # where {name}'s SSH keys are authorized
# rotate-every = "90d"
"#,
        recipients = recipients.join(", "),
        signer = quoted(signer)
    )
}
