//! A disk in memory that does, from a seed, what disks do when the power fails: of what was not
//! synced each sector is there or not, in whichever version, and so is each change of a name.
//!
//! It also fails on request, at any operation. A handle of it can be cloned; all are one disk, which
//! outlives the log that uses it. The same seed and the same calls give the same disk.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::disk::{Disk, DiskFile, LockError, SECTOR_BYTES};

/// A disk in memory.
#[derive(Clone, Debug)]
pub struct TwinDisk {
    state: Arc<Mutex<State>>,
}

/// What goes wrong at an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no space. Of a write some may have been done.
    NoSpace,
    /// The file system is read-only.
    ReadOnly,
    /// The disk has an error. Of what was to be synced some is lost, and no later sync will tell.
    Io,
    /// The power fails: nothing works any more until [`TwinDisk::crash`] has been called.
    Crash,
}

#[expect(clippy::struct_excessive_bools, reason = "they have nothing to do with each other")]
#[derive(Clone, Debug)]
struct State {
    random: Random,
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    /// Changes since the names were synced.
    changes: Vec<Change>,
    /// Handles from before a crash are of no use.
    life: u32,
    is_locked: bool,
    operations: u64,
    fault: Option<(u64, Fault)>,
    has_no_power: bool,
    is_read_only: bool,
    /// The most bytes of all files.
    capacity: u64,
    /// Whether calls are interrupted and do less than they could.
    is_moody: bool,
}

#[derive(Clone, Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    synced: Vec<u8>,
    /// The versions of each sector since it was synced.
    unsynced: BTreeMap<usize, Vec<Vec<u8>>>,
    /// The lengths since it was synced.
    lengths: Vec<usize>,
}

#[derive(Clone, Debug)]
enum Change {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

impl TwinDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: Random { state: seed },
            files: Vec::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            changes: Vec::new(),
            life: 0,
            is_locked: false,
            operations: 0,
            fault: None,
            has_no_power: false,
            is_read_only: false,
            capacity: u64::MAX,
            is_moody: false,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Another disk that is now as this one, and that no log uses.
    #[must_use]
    pub fn copy(&self) -> Self {
        let mut state = self.state().clone();
        state.begin_life();
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The power fails and comes back: what was not synced is there or not. Logs that used the disk
    /// before cannot use it any more.
    pub fn crash(&self) {
        self.state().crash();
    }

    /// The process ends and nothing else: all that was written is there. Logs that used the disk
    /// before cannot use it any more.
    pub fn kill(&self) {
        self.state().begin_life();
    }

    /// Whether it works, which it does not after [`Fault::Crash`].
    pub fn has_power(&self) -> bool {
        !self.state().has_no_power
    }

    /// How many operations there were that change something.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Lets an operation fail: the one with this number, counted as [`TwinDisk::operations`] counts.
    pub fn fail_at(&self, operation: u64, fault: Fault) {
        self.state().fault = Some((operation, fault));
    }

    /// Takes back what [`TwinDisk::fail_at`] said.
    pub fn fail_no_more(&self) {
        self.state().fault = None;
    }

    /// How many bytes all files may have.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = bytes;
    }

    /// Whether every change is refused.
    pub fn set_read_only(&self, is_read_only: bool) {
        self.state().is_read_only = is_read_only;
    }

    /// Whether calls are interrupted now and then, and write and read less than they could.
    pub fn set_moody(&self, is_moody: bool) {
        self.state().is_moody = is_moody;
    }

    /// The names of all files and their lengths.
    pub fn files(&self) -> Vec<(String, u64)> {
        let state = self.state();
        let length = |file: &usize| state.files.get(*file).map_or(0, |file| file.bytes.len());
        state.names.iter().map(|(name, file)| (name.clone(), length(file) as u64)).collect()
    }

    /// The bytes of a file.
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let file = state.names.get(name)?;
        Some(state.files.get(*file)?.bytes.clone())
    }

    /// Puts a file there, synced.
    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state();
        let content = Content { synced: bytes.clone(), bytes, ..Content::default() };
        let file = state.files.len();
        state.files.push(content);
        state.names.insert(name.to_owned(), file);
        state.synced_names.insert(name.to_owned(), file);
    }

    /// Turns a bit of a file around, synced or not. Says whether there is such a bit.
    pub fn flip(&self, name: &str, offset: u64, bit: u8) -> bool {
        let mut state = self.state();
        let Some(file) = state.names.get(name).copied() else { return false };
        let Some(content) = state.files.get_mut(file) else { return false };
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let mask = 1 << (bit % 8);
        for bytes in [&mut content.bytes, &mut content.synced] {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= mask;
            }
        }
        let within = offset % SECTOR_BYTES;
        for version in content.unsynced.get_mut(&(offset / SECTOR_BYTES)).into_iter().flatten() {
            if let Some(byte) = version.get_mut(within) {
                *byte ^= mask;
            }
        }
        offset < content.bytes.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        match state.begin(true)? {
            None => Ok(state),
            Some(fault) => Err(fault.error()),
        }
    }

    fn file(&self, name: &str) -> io::Result<TwinFile> {
        let state = self.state();
        state.check_power()?;
        let file = state.names.get(name).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(TwinFile { disk: self.clone(), life: state.life, file })
    }
}

impl Disk for TwinDisk {
    type File = TwinFile;
    type Lock = TwinLock;

    fn lock(&self) -> Result<TwinLock, LockError> {
        let mut state = self.state();
        state.check_power()?;
        if state.is_locked {
            return Err(LockError::Held { pid: None });
        }
        state.is_locked = true;
        Ok(TwinLock { disk: self.clone(), life: state.life })
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.state();
        state.check_power()?;
        Ok(state.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<TwinFile> {
        let mut state = self.change()?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.files.len();
        state.files.push(Content::default());
        state.apply(Change::Create(name.to_owned(), file));
        Ok(TwinFile { disk: self.clone(), life: state.life, file })
    }

    fn open(&self, name: &str) -> io::Result<TwinFile> {
        self.file(name)
    }

    fn open_to_read(&self, name: &str) -> io::Result<TwinFile> {
        self.file(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.change()?;
        if !state.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.apply(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.change()?;
        if !state.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.apply(Change::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.change()?;
        state.synced_names = state.names.clone();
        state.changes.clear();
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("twin").join(name)
    }

    /// Every operation takes a tenth of a millisecond.
    fn clock(&self) -> Duration {
        Duration::from_micros(100).saturating_mul(u32::try_from(self.operations()).unwrap_or(0))
    }
}

/// A file of a [`TwinDisk`].
#[derive(Debug)]
pub struct TwinFile {
    disk: TwinDisk,
    life: u32,
    file: usize,
}

impl TwinFile {
    /// Begins an operation on the file. What is to go wrong with it is for the caller to do.
    fn begin<T>(
        &self,
        is_change: bool,
        operation: impl FnOnce(&mut State, Option<Fault>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.disk.state();
        if state.life != self.life {
            return Err(no_power());
        }
        let fault = state.begin(is_change)?;
        operation(&mut state, fault)
    }

    fn resize(&self, bytes: u64, only_longer: bool) -> io::Result<()> {
        self.begin(true, |state, fault| {
            if let Some(fault) = fault {
                return Err(fault.error());
            }
            let length = usize::try_from(bytes).unwrap_or(usize::MAX);
            let old = state.content(self.file)?.bytes.len();
            if length > old {
                state.check_space(length - old)?;
            }
            if length > old || (length < old && !only_longer) {
                state.content(self.file)?.resize(length);
            }
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.begin(true, |state, fault| {
            let State { files, random, .. } = state;
            let content = files.get_mut(self.file).ok_or_else(no_power)?;
            if let Some(fault) = fault {
                if fault == Fault::Io {
                    content.unsynced.retain(|_, _| random.coin());
                }
                return Err(fault.error());
            }
            content.sync();
            Ok(())
        })
    }
}

impl DiskFile for TwinFile {
    fn length(&self) -> io::Result<u64> {
        self.begin(false, |state, _| Ok(state.content(self.file)?.bytes.len() as u64))
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.resize(bytes, true)
    }

    fn set_length(&self, bytes: u64) -> io::Result<()> {
        self.resize(bytes, false)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.begin(true, |state, fault| {
            let count = state.less(bytes.len(), fault)?;
            let bytes = bytes.get(..count).unwrap_or_default();
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            let end = offset.saturating_add(count);
            let old = state.content(self.file)?.bytes.len();
            if end > old {
                state.check_space(end - old)?;
                state.content(self.file)?.resize(end);
            }
            state.content(self.file)?.write(bytes, offset);
            fault.map_or(Ok(count), |fault| Err(fault.error()))
        })
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.begin(false, |state, _| {
            let count = state.less(bytes.len(), None)?;
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            let rest = state.content(self.file)?.bytes.get(offset..).unwrap_or_default();
            let count = count.min(rest.len());
            let (Some(from), Some(to)) = (rest.get(..count), bytes.get_mut(..count)) else {
                return Ok(0);
            };
            to.copy_from_slice(from);
            Ok(count)
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }
}

/// Holds the lock of a [`TwinDisk`].
#[derive(Debug)]
pub struct TwinLock {
    disk: TwinDisk,
    life: u32,
}

impl Drop for TwinLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.life == self.life {
            state.is_locked = false;
        }
    }
}

impl State {
    /// Counts an operation, and says what is to go wrong with it.
    fn begin(&mut self, is_change: bool) -> io::Result<Option<Fault>> {
        self.check_power()?;
        if !is_change {
            return Ok(None);
        }
        self.operations += 1;
        if self.is_read_only {
            return Err(Fault::ReadOnly.error());
        }
        let fault = self.fault.filter(|(operation, _)| *operation == self.operations);
        let fault = fault.map(|(_, fault)| fault);
        if fault == Some(Fault::Crash) {
            self.has_no_power = true;
        }
        Ok(fault)
    }

    fn check_power(&self) -> io::Result<()> {
        if self.has_no_power { Err(no_power()) } else { Ok(()) }
    }

    fn check_space(&self, more: usize) -> io::Result<()> {
        let files = self.names.values().filter_map(|file| self.files.get(*file));
        let used: usize = files.map(|file| file.bytes.len()).sum();
        match (used as u64).checked_add(more as u64) {
            Some(all) if all <= self.capacity => Ok(()),
            _ => Err(Fault::NoSpace.error()),
        }
    }

    /// How much of a call is done.
    fn less(&mut self, bytes: usize, fault: Option<Fault>) -> io::Result<usize> {
        if fault.is_some() {
            return Ok(self.random.below(bytes + 1));
        }
        match self.random.below(16) {
            0 if self.is_moody => Err(io::ErrorKind::Interrupted.into()),
            1..4 if self.is_moody && bytes > 0 => Ok(1 + self.random.below(bytes)),
            _ => Ok(bytes),
        }
    }

    fn content(&mut self, file: usize) -> io::Result<&mut Content> {
        self.files.get_mut(file).ok_or_else(no_power)
    }

    fn apply(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    fn crash(&mut self) {
        self.begin_life();
        let Self { random, files, synced_names, changes, .. } = self;
        for change in changes.drain(..) {
            if random.coin() {
                change.apply(synced_names);
            }
        }
        for content in files {
            content.crash(random);
        }
        self.names = self.synced_names.clone();
    }

    fn begin_life(&mut self) {
        self.life += 1;
        self.is_locked = false;
        self.has_no_power = false;
        self.fault = None;
    }
}

impl Change {
    /// Changes the names; a change of what is not there changes nothing.
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Create(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl Content {
    fn write(&mut self, bytes: &[u8], offset: usize) {
        if let Some(space) = self.bytes.get_mut(offset..offset + bytes.len()) {
            space.copy_from_slice(bytes);
        }
        self.note(offset, offset + bytes.len());
    }

    fn resize(&mut self, length: usize) {
        let old = self.bytes.len();
        self.bytes.resize(length, 0);
        self.lengths.push(length);
        if length < old {
            // What is cut off comes back as zeros.
            self.note(length, old);
        }
    }

    fn sync(&mut self) {
        self.synced.resize(self.bytes.len(), 0);
        for sector in std::mem::take(&mut self.unsynced).into_keys() {
            let start = sector * SECTOR_BYTES;
            let end = (start + SECTOR_BYTES).min(self.bytes.len());
            if let Some(from) = self.bytes.get(start..end)
                && let Some(to) = self.synced.get_mut(start..end)
            {
                to.copy_from_slice(from);
            }
        }
        self.lengths.clear();
    }

    /// The sectors of this range have another version.
    fn note(&mut self, begin: usize, end: usize) {
        for sector in begin / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            let start = sector * SECTOR_BYTES;
            let end = (start + SECTOR_BYTES).min(self.bytes.len());
            let mut version = self.bytes.get(start..end).unwrap_or_default().to_vec();
            version.resize(SECTOR_BYTES, 0);
            self.unsynced.entry(sector).or_default().push(version);
        }
    }

    fn crash(&mut self, random: &mut Random) {
        let mut bytes = std::mem::take(&mut self.synced);
        let lengths = std::mem::take(&mut self.lengths);
        let lost = random.below(lengths.len() + 1);
        let length = lengths.get(lost).copied().unwrap_or(bytes.len());
        bytes.resize(length.max(self.bytes.len()), 0);
        for (sector, versions) in std::mem::take(&mut self.unsynced) {
            let which = random.below(versions.len() + 1);
            let start = sector * SECTOR_BYTES;
            if let Some(version) = versions.get(which)
                && let Some(space) = bytes.get_mut(start..)
            {
                let count = space.len().min(SECTOR_BYTES);
                for (to, from) in space.iter_mut().zip(version).take(count) {
                    *to = *from;
                }
            }
        }
        bytes.truncate(length);
        self.synced.clone_from(&bytes);
        self.bytes = bytes;
    }
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Self::NoSpace => io::ErrorKind::StorageFull.into(),
            Self::ReadOnly => io::ErrorKind::ReadOnlyFilesystem.into(),
            Self::Io => io::Error::other("the twin was told to fail"),
            Self::Crash => no_power(),
        }
    }
}

fn no_power() -> io::Error {
    io::Error::other("the twin has no power")
}

/// Random numbers from a seed (`SplitMix64`).
#[derive(Clone, Debug)]
struct Random {
    state: u64,
}

impl Random {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number smaller than `end`; 0 if there is none.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or(0)
    }

    fn coin(&mut self) -> bool {
        self.next() & 1 == 0
    }
}
