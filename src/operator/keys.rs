//! The operator's private keys: opened when first needed, each passphrase asked for once.

use crate::base::{Error, Result, SecretBytes, files};
use crate::bundle::{self, Identity, identity, public_key};
use crate::operator::plugins::AllowedPlugins;
use crate::operator::{Config, Keyring, Prompt};
use age::secrecy::{ExposeSecret, SecretString};
use ssh_key::PrivateKey;
use std::cell::OnceCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;

const MAX_KEY: usize = 1024 * 1024;

/// The operator's keys, opened when first needed.
pub struct Keys {
    config: Config,
    prompt: Arc<dyn Prompt>,
    remember: bool,
    plugins: AllowedPlugins,
    identities: OnceCell<Rc<Vec<Identity>>>,
    signing: OnceCell<PrivateKey>,
}

impl Keys {
    /// The keys that `config` names. With `remember`, passphrases that were right go into the OS keyring.
    pub fn new(config: Config, prompt: Arc<dyn Prompt>, remember: bool) -> Self {
        let plugins = AllowedPlugins::new(&config.plugins);
        Self { config, prompt, remember, plugins, identities: OnceCell::new(), signing: OnceCell::new() }
    }

    /// What speaks for age plugins and asks for passphrases.
    pub fn callbacks(&self) -> impl bundle::Callbacks {
        self.asking()
    }

    fn asking(&self) -> Callbacks {
        let (prompt, plugins) = (self.prompt.clone(), self.plugins.clone());
        Callbacks { prompt, use_keyring: true, typed: Arc::default(), plugins }
    }

    /// The identities that open local age secrets.
    ///
    /// # Errors
    /// When there are none, one cannot be read, or a passphrase is wrong.
    pub fn identities(&self) -> Result<Rc<Vec<Identity>>> {
        if let Some(open) = self.identities.get() {
            return Ok(open.clone());
        }
        if self.config.identities.is_empty() {
            return Err(Error::new("there is no identity to open local age secrets with")
                .hint("run `pkeys init`, or name one in PKEYS_IDENTITY"));
        }
        let mut all = Vec::new();
        for path in &self.config.identities {
            all.extend(self.unlocking(|callbacks| identity::load(path, callbacks))?);
        }
        Ok(self.identities.get_or_init(|| Rc::new(all)).clone())
    }

    /// Where the signing key is.
    ///
    /// # Errors
    /// When there is none.
    pub fn signing_key_path(&self) -> Result<&Path> {
        self.config.signing_key.as_deref().ok_or_else(|| {
            Error::new("there is no signing key").hint("run `pkeys init`, or name one in PKEYS_SIGNING_KEY")
        })
    }

    /// The key that signs bundles.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or the passphrase is wrong.
    pub fn signing_key(&self) -> Result<&PrivateKey> {
        if let Some(key) = self.signing.get() {
            return Ok(key);
        }
        let path = self.signing_key_path()?;
        let key = self.unlocking(|callbacks| open_signing_key(path, &callbacks))?;
        Ok(self.signing.get_or_init(|| key))
    }

    /// The key that signs bundles, if nothing has to be asked for it: it is open already, or has no passphrase.
    pub fn signing_key_without_asking(&self) -> Option<&PrivateKey> {
        if let Some(key) = self.signing.get() {
            return Some(key);
        }
        let bytes = files::read_secret(self.config.signing_key.as_deref()?, MAX_KEY).ok()??;
        let key = PrivateKey::from_openssh(bytes.expose()).ok().filter(|key| !key.is_encrypted())?;
        Some(self.signing.get_or_init(|| key))
    }

    /// Opens with a remembered passphrase first; asks when there is none or it no longer fits.
    fn unlocking<T>(&self, open: impl Fn(Callbacks) -> Result<T>) -> Result<T> {
        let callbacks = self.asking();
        let mut opened = open(callbacks.clone());
        let mut typed = callbacks.take();
        if let (Err(_), Some(Typed { remembered: true, question, .. })) = (&opened, &typed) {
            Keyring.remove(&keyring_name(question));
            let callbacks = Callbacks { use_keyring: false, ..callbacks };
            opened = open(callbacks.clone());
            typed = callbacks.take();
        }
        if let (true, Ok(_), Some(Typed { remembered: false, question, passphrase })) = (self.remember, &opened, typed)
        {
            Keyring
                .set(&keyring_name(&question), &passphrase)
                .map_err(|e| e.context("cannot remember the passphrase").hint("omit --remember on this machine"))?;
        }
        opened
    }
}

fn keyring_name(question: &str) -> String {
    format!("passphrase:{question}")
}

fn open_signing_key(path: &Path, callbacks: &Callbacks) -> Result<PrivateKey> {
    let at = path.display();
    let bytes = files::read_secret(path, MAX_KEY)?
        .ok_or_else(|| Error::new(format!("there is no signing key at {at}")).hint("run `pkeys init`"))?;
    let key = PrivateKey::from_openssh(bytes.expose()).map_err(|_| {
        Error::new(format!("{at} is not an SSH private key in OpenSSH format"))
            .hint("convert it with `ssh-keygen -p -f FILE`, or make one with `pkeys init`")
    })?;
    if !key.is_encrypted() {
        return Ok(key);
    }
    let passphrase = age::Callbacks::request_passphrase(callbacks, &format!("Passphrase for {at}"));
    let passphrase = passphrase.ok_or_else(|| {
        Error::new(format!("{at} needs a passphrase, and there is nobody to ask"))
            .hint("run it in a terminal, or remember the passphrase there once with --remember")
    })?;
    key.decrypt(passphrase.expose_secret()).map_err(|_| Error::new(format!("wrong passphrase for {at}")))
}

/// A passphrase that was given, and for what.
struct Typed {
    question: String,
    passphrase: SecretBytes,
    remembered: bool,
}

/// Answers the `age` crate's questions from the keyring or the terminal.
#[derive(Clone)]
struct Callbacks {
    prompt: Arc<dyn Prompt>,
    use_keyring: bool,
    typed: Arc<Mutex<Option<Typed>>>,
    plugins: AllowedPlugins,
}

impl Callbacks {
    fn take(&self) -> Option<Typed> {
        self.typed.lock().ok()?.take()
    }
}

impl bundle::Callbacks for Callbacks {
    fn may_run(&self, plugin: &str) -> Result<()> {
        self.plugins.check(plugin, &*self.prompt)
    }
}

impl age::Callbacks for Callbacks {
    fn display_message(&self, message: &str) {
        self.prompt.show(message);
    }

    fn confirm(&self, message: &str, _: &str, _: Option<&str>) -> Option<bool> {
        self.prompt.confirm(message)
    }

    fn request_public_string(&self, _: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, question: &str) -> Option<SecretString> {
        let known = self.use_keyring.then(|| Keyring.get(&keyring_name(question))).flatten();
        let remembered = known.is_some();
        let passphrase = match known {
            Some(known) => known,
            None => match self.prompt.secret(question) {
                Ok(answer) => answer?,
                Err(e) => {
                    self.prompt.show(e.message());
                    return None;
                }
            },
        };
        let text = SecretString::from(passphrase.expose_str()?.to_owned());
        *self.typed.lock().ok()? = Some(Typed { question: question.into(), passphrase, remembered });
        Some(text)
    }
}

/// The public half of an existing signing key, private or `.pub`, without its passphrase.
///
/// # Errors
/// When it is not an OpenSSH key that may sign.
pub fn public_of_signing_key(path: &Path) -> Result<String> {
    let at = path.display();
    let bytes = files::read_secret(path, MAX_KEY)?.ok_or_else(|| Error::new(format!("there is no key at {at}")))?;
    let key = PrivateKey::from_openssh(bytes.expose()).map_err(|_| {
        Error::new(format!("{at} is not an SSH private key in OpenSSH format"))
            .hint("make one with `ssh-keygen -t ed25519`, or let `pkeys init` make it")
    })?;
    let line = key.public_key().to_openssh().map_err(|_| Error::new(format!("{at} has no usable public key")))?;
    public_key(&line).map(|_| line)
}

/// The recipients of an existing identity file.
///
/// # Errors
/// When it holds no identity whose public half is known.
pub fn recipients_of(path: &Path, keys: &Keys) -> Result<Vec<String>> {
    let bytes = files::read_secret(path, MAX_KEY)?
        .ok_or_else(|| Error::new(format!("there is no key at {}", path.display())))?;
    if let Ok(key) = PrivateKey::from_openssh(bytes.expose()) {
        let line = key.public_key().to_openssh().map_err(|_| Error::new("the key has no usable public half"))?;
        return line.parse::<bundle::Recipient>().map(|recipient| vec![recipient.to_string()]);
    }
    let found = keys.unlocking(|callbacks| identity::parse(&bytes, &path.display().to_string(), callbacks))?;
    let public: Vec<_> = found.iter().filter_map(|key| key.recipient().map(ToString::to_string)).collect();
    if public.is_empty() {
        return Err(Error::new("the public half of that identity is known to its plugin only")
            .hint("add the recipient to [operators] in pkeys.toml by hand"));
    }
    Ok(public)
}
