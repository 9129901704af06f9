# What `tests/run --no-install` needs, and the compiler.
{
  mkShell,
  age,
  cargo,
  cargo-deny,
  cargo-fuzz,
  cargo-nextest,
  clippy,
  nix,
  nixfmt,
  nodejs,
  openssh,
  openssl,
  python3,
  rage,
  rustc,
  rustfmt,
  shellcheck,
  strace,
  systemd,
  util-linux,
  path,
}:
mkShell {
  packages = [
    age
    cargo
    cargo-deny
    cargo-fuzz
    cargo-nextest
    clippy
    nix
    nixfmt
    nodejs
    openssh
    openssl
    python3
    rage
    rustc
    rustfmt
    shellcheck
    strace
    systemd
    util-linux
  ];
  env.NIXPKGS_LIB = "${path}/lib";
}
