# Builds one of the two programs. The tests are not run here: they need programs and a network of their own; `tests/run`
# is what runs them.
{
  lib,
  rustPlatform,
  installShellFiles,
  stdenv,
  # "pkeys" or "pkeys-activate"
  program,
}:
let
  operator = program == "pkeys";
  runnable = stdenv.buildPlatform.canExecute stdenv.hostPlatform;
in
rustPlatform.buildRustPackage {
  pname = program;
  version = (lib.importTOML ../Cargo.toml).workspace.package.version;

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../Cargo.toml
      ../Cargo.lock
      ../policies
      ../src
      ../crates
      # Cargo.toml names them, so cargo wants to see them.
      ../examples/connect-server
      ../tests/it/main.rs
    ];
  };
  cargoLock.lockFile = ../Cargo.lock;

  cargoBuildFlags = [
    "--package"
    program
    "--bin"
    program
  ];
  doCheck = false;

  nativeBuildInputs = lib.optional operator installShellFiles;
  postInstall = lib.optionalString (operator && runnable) ''
    installShellCompletion --cmd pkeys \
      --bash <($out/bin/pkeys completions bash) \
      --fish <($out/bin/pkeys completions fish) \
      --zsh <($out/bin/pkeys completions zsh)
    $out/bin/pkeys man > pkeys.1
    installManPage pkeys.1
  '';

  meta = {
    description =
      if operator then
        "Secrets and SSH keys for NixOS hosts: the operator's program"
      else
        "Opens a host's bundle of secrets at boot";
    license = with lib.licenses; [
      mit
      asl20
    ];
    mainProgram = program;
    platforms = lib.platforms.linux ++ lib.optionals operator lib.platforms.darwin;
  };
}
