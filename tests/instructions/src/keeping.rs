//! The store of the scripted broker, and the steps that keep it going: what the threads
//! of a broker do beside its shards is counted too.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ferrymq_broker::{Durability, Fetched, Round, ShardIndex};
use ferrymq_server::{Attendant, DurableStore, LogOptions, MemoryStore, Opened, Store};
use ferrymq_store::RealDisk;

/// A store for one shard.
pub(crate) enum Keeping {
    Memory(Arc<MemoryStore>),
    Log(Arc<DurableStore<RealDisk>>, Arc<Bell>),
}

impl Keeping {
    /// An empty store; a log goes into this directory.
    pub(crate) fn new(durability: Durability, data: &Path) -> Result<Self, String> {
        if durability == Durability::None {
            return Ok(Self::Memory(Arc::new(MemoryStore::new(1))));
        }
        let disk = RealDisk::new(data).map_err(|error| error.to_string())?;
        let opened = Opened::new(disk, LogOptions::default(), 0, |_, _| true)
            .map_err(|error| error.to_string())?;
        let bell = Arc::new(Bell::default());
        let (store, _) = DurableStore::new(opened, 1, Arc::clone(&bell) as Arc<dyn Attendant>);
        Ok(Self::Log(Arc::new(store), bell))
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(store) => Arc::clone(store) as Arc<dyn Store>,
            Self::Log(store, _) => Arc::clone(store) as Arc<dyn Store>,
        }
    }

    /// Writes what waits to be written. False: nothing waited.
    pub(crate) fn step(&self) -> Result<bool, String> {
        match self {
            Self::Log(store, bell) if bell.0.swap(false, Ordering::Relaxed) => {
                store.commit().map_err(|error| error.to_string())
            }
            Self::Memory(_) | Self::Log(..) => Ok(false),
        }
    }
}

/// Whether something waits to be written.
#[derive(Debug, Default)]
pub(crate) struct Bell(AtomicBool);

impl Attendant for Bell {
    fn commit_wanted(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn read_wanted(&self) {}

    fn news(&self, _: ShardIndex) {}

    fn fetched(&self, _: Fetched) {}

    fn round(&self, _: &Arc<Round>) {}
}
