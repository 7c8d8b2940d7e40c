//! A root key in a hardware module that speaks PKCS#11: a secret that nobody gets out of it.
//!
//! The module computes HMAC-SHA256, which every module can: over a salt of chance and over what a tenant's key is bound
//! to. The result is a key that wraps this one tenant's key once, here, with the cipher of a root key in a file. So
//! nothing is unwrapped without the module, and a row that was moved or changed derives another key. Encrypting within
//! the module would bind no better: modules differ in what they authenticate and in whose nonces they take.
//!
//! A module is blocking, so it is asked on threads of its own, one request after the other.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use lockgate_vocabulary::{BoxFuture, Entropy, Fault, Secret, read_owned_file};
use zeroize::Zeroizing;

use super::{RootKey, UnwrapFailure, Wrapped};
use crate::config::Pkcs11Config;
use crate::seal::Cipher;

const NONCE: usize = 12;
const SALT: usize = 32;

/// Bytes of a PIN's file at the most.
const PIN_BYTES: usize = 256;

/// Modules by the files that they were loaded from. One is initialised once for the whole process and serves until its
/// end: finishing it would finish it for everybody who uses it.
static MODULES: Mutex<Option<HashMap<PathBuf, Pkcs11>>> = Mutex::new(None);

/// The root key.
pub(super) struct ModuleRootKey {
    held: Arc<Held>,
    entropy: Arc<dyn Entropy>,
}

struct Held {
    open: Mutex<Session>,
    current: Named,
    previous: Option<Named>,
}

struct Named {
    name: String,
    key: ObjectHandle,
}

fn broken(doing: &'static str) -> impl Fn(Error) -> Fault {
    move |error| Fault::unavailable(doing, error)
}

impl ModuleRootKey {
    pub(super) fn open(config: &Pkcs11Config, entropy: Arc<dyn Entropy>) -> Result<Self, Fault> {
        const DOING: &str = "opening the module that holds the root key";
        let module = loaded(config)?;
        let mut slots = module.get_slots_with_token().map_err(broken(DOING))?.into_iter();
        let named = |slot: &_| module.get_token_info(*slot).is_ok_and(|info| info.label() == config.token);
        let slot = slots.find(named).ok_or_else(|| Fault::unavailable(DOING, "it has no token of this label"))?;
        let open = module.open_ro_session(slot).map_err(broken(DOING))?;
        let pin = read_owned_file(&config.pin_file, PIN_BYTES).map_err(|problem| Fault::broken(DOING, problem))?;
        let pin = std::str::from_utf8(pin.trim_ascii()).map_err(|error| Fault::broken(DOING, error))?;
        match open.login(UserType::User, Some(&AuthPin::new(pin.into()))) {
            // It is the process that is logged in.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => return Err(Fault::unavailable(DOING, error)),
        }
        let current = found(&open, &config.key)?;
        let previous = config.previous.as_deref().map(|label| found(&open, label)).transpose()?;
        Ok(Self { held: Arc::new(Held { open: Mutex::new(open), current, previous }), entropy })
    }
}

fn loaded(config: &Pkcs11Config) -> Result<Pkcs11, Fault> {
    const DOING: &str = "loading the module that holds the root key";
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    let modules = modules.get_or_insert_with(HashMap::new);
    if let Some(module) = modules.get(&config.module_file) {
        return Ok(module.clone());
    }
    let module = Pkcs11::new(&config.module_file).map_err(broken(DOING))?;
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(broken(DOING))?;
    modules.insert(config.module_file.clone(), module.clone());
    Ok(module)
}

/// The one secret of this label. Two would leave it to chance which of them wraps.
fn found(open: &Session, label: &str) -> Result<Named, Fault> {
    const DOING: &str = "finding the root key in its module";
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Label(label.as_bytes().to_vec()),
    ];
    match open.find_objects(&template).map_err(broken(DOING))?.as_slice() {
        [key] => Ok(Named { name: label.to_owned(), key: *key }),
        [] => Err(Fault::unavailable(DOING, "it has no generic secret of this label")),
        _ => Err(Fault::broken(DOING, "it has more than one generic secret of this label")),
    }
}

/// What a wrapping key is derived from: the root key's name, a salt, and what the tenant's key is bound to.
fn derived_from(name: &str, salt: &[u8; SALT], label: &[u8]) -> Vec<u8> {
    let mut whole = b"lockgate root key in a module v1".to_vec();
    whole.extend_from_slice(&(name.len() as u64).to_be_bytes());
    whole.extend_from_slice(name.as_bytes());
    whole.extend_from_slice(salt);
    whole.extend_from_slice(label);
    whole
}

impl Held {
    /// The cipher that wraps one tenant's key once.
    fn cipher(&self, named: &Named, salt: &[u8; SALT], label: &[u8]) -> Result<Cipher, Fault> {
        const DOING: &str = "deriving a key in a module";
        let text = derived_from(&named.name, salt, label);
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mac = open.sign(&Mechanism::Sha256Hmac, named.key, &text).map_err(broken(DOING))?;
        let mac = Zeroizing::new(mac);
        let key = mac.as_slice().try_into().map_err(|_| Fault::unavailable(DOING, "it has not 32 bytes"))?;
        Cipher::wrapping(key)
    }

    fn wrap(&self, label: &[u8], key: &Secret, (salt, nonce): ([u8; SALT], [u8; NONCE])) -> Result<Wrapped, Fault> {
        let mut bytes = salt.to_vec();
        self.cipher(&self.current, &salt, label)?.seal_onto(&mut bytes, nonce, label, key.expose())?;
        Ok(Wrapped { root_key: self.current.name.clone(), bytes })
    }

    fn unwrap(&self, label: &[u8], wrapped: &Wrapped) -> Result<Secret, UnwrapFailure> {
        let known = [Some(&self.current), self.previous.as_ref()];
        let named = known.into_iter().flatten().find(|known| known.name == wrapped.root_key);
        let named = named.ok_or(UnwrapFailure::Absent)?;
        let (salt, rest) = wrapped.bytes.split_first_chunk::<SALT>().ok_or(UnwrapFailure::Wrong)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(UnwrapFailure::Wrong)?;
        let cipher = self.cipher(named, salt, label).map_err(UnwrapFailure::Fault)?;
        cipher.open(*nonce, label, sealed).map_err(|_| UnwrapFailure::Wrong)
    }
}

impl RootKey for ModuleRootKey {
    fn current(&self) -> &str {
        &self.held.current.name
    }

    fn wrap(&self, label: Vec<u8>, key: Secret) -> BoxFuture<Result<Wrapped, Fault>> {
        let held = Arc::clone(&self.held);
        let (mut salt, mut nonce) = ([0u8; SALT], [0u8; NONCE]);
        self.entropy.fill(&mut salt);
        self.entropy.fill(&mut nonce);
        Box::pin(async move {
            let wrapping = tokio::task::spawn_blocking(move || held.wrap(&label, &key, (salt, nonce)));
            wrapping.await.unwrap_or(Err(Fault::violated("asking a module does not panic")))
        })
    }

    fn unwrap(&self, label: Vec<u8>, wrapped: Wrapped) -> BoxFuture<Result<Secret, UnwrapFailure>> {
        let held = Arc::clone(&self.held);
        Box::pin(async move {
            let unwrapping = tokio::task::spawn_blocking(move || held.unwrap(&label, &wrapped));
            let broke = || Err(UnwrapFailure::Fault(Fault::violated("asking a module does not panic")));
            unwrapping.await.unwrap_or_else(|_| broke())
        })
    }
}
