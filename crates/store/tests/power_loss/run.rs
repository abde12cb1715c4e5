//! One seed: a log that is used, interrupted and opened again.

use std::convert::Infallible;

use ferrymq_store::{
    CommitError, Damage, Fault, Kept, Log, LogOptions, LogState, Number, OpenError, ReadError,
    RunBuilder, SegmentId, TwinDisk,
};

use crate::model::{Model, Seen, WRITERS};
use crate::random::Random;

/// How often what has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) records: u64,
    pub(crate) starts: u64,
    pub(crate) crashes: u64,
    /// Syncs that have failed.
    pub(crate) failed: u64,
    /// Commits that found no space.
    pub(crate) refused: u64,
    pub(crate) freed: u64,
    pub(crate) kept: u64,
    /// Turned bits that were found.
    pub(crate) damaged: u64,
    /// Turned bits in last batches, which nothing can tell from such that were never finished.
    pub(crate) lost: u64,
}

impl Report {
    pub(crate) fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.starts += other.starts;
        self.crashes += other.crashes;
        self.failed += other.failed;
        self.refused += other.refused;
        self.freed += other.freed;
        self.kept += other.kept;
        self.damaged += other.damaged;
        self.lost += other.lost;
    }
}

pub(crate) fn run(seed: u64) -> Report {
    let mut run = Run::new(seed);
    let steps = 10 + run.random.below(60);
    for _ in 0..steps {
        run.step();
    }
    run.disk.fail_no_more();
    run.start_again();
    run.read_all();
    run.report
}

type TwinLog = Log<TwinDisk>;

struct Run {
    random: Random,
    disk: TwinDisk,
    log: TwinLog,
    options: LogOptions,
    model: Model,
    is_full: bool,
    report: Report,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let options = LogOptions {
            segment_bytes: 4096 << random.below(3),
            tail_bytes: usize::try_from(4096 * random.below(3)).unwrap(),
            cache_bytes: usize::try_from(4096 * random.below(3)).unwrap(),
            batch_bytes: 512 << random.below(6),
            pending_bytes: 1 << 20,
            partition: 3,
            epoch: 1,
            salt: random.next(),
        };
        let disk = TwinDisk::new(random.next());
        disk.set_moody(random.one_in(2));
        let (log, _) = open(&disk, &options).expect("an empty disk is no problem");
        let (model, report) = (Model::default(), Report::default());
        Self { random, disk, log, options, model, is_full: false, report }
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..40 => self.append(),
            40..66 => self.commit(),
            66..70 => self.sync(),
            70..76 => self.free(),
            76..82 => self.read_some(),
            82..86 => self.fail_soon(),
            86..88 => self.fill(),
            88..90 => self.close(),
            90..92 => self.kill(),
            92..95 => self.crash(),
            95..97 => self.flip_and_read(),
            _ => self.flip_and_start(),
        }
    }

    fn append(&mut self) {
        let writer = u16::try_from(self.random.below(u64::from(WRITERS))).unwrap();
        let next = self.log.next_counters().get(&writer).copied().unwrap_or(1);
        let first = next.max(1 + self.model.last.get(&writer).copied().unwrap_or(0));
        let mut run = RunBuilder::new(writer, first);
        let mut records = Vec::new();
        for _ in 0..=self.random.below(6) {
            let readable = !self.random.one_in(4);
            let bytes = self.bytes();
            run.push(readable, |out| out.extend_from_slice(&bytes));
            records.push((readable, bytes));
        }
        self.report.records += records.len() as u64;
        self.model.time += 1;
        let wants_sync = !self.random.one_in(3);
        self.model.append(writer, first, records, wants_sync);
        self.log.append(run.finish(self.model.time, wants_sync));
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = match self.random.below(20) {
            0 => 0,
            1 => self.random.below(20_000),
            2..5 => self.random.below(1500),
            _ => self.random.below(200),
        };
        let byte = self.random.next().to_le_bytes();
        byte.into_iter().cycle().take(usize::try_from(length).unwrap()).collect()
    }

    fn commit(&mut self) {
        let result = self.log.commit();
        self.note(&result.map(|_| ()));
    }

    fn sync(&mut self) {
        let result = self.log.sync();
        let is_ok = result.is_ok();
        self.note(&result);
        if is_ok {
            self.log_is_synced();
        }
    }

    fn log_is_synced(&self) {
        for writer in 0..WRITERS {
            assert_eq!(self.log.synced(writer), self.log.written(writer));
        }
    }

    /// Notes what the log has promised, and starts again if it cannot go on.
    fn note(&mut self, result: &Result<(), CommitError>) {
        let segment = self.log.segments().last().unwrap().id;
        self.model.written(|writer| self.log.written(writer), segment);
        self.model.promise(|writer| self.log.synced(writer));
        match result {
            _ if !self.disk.has_power() => self.crash(),
            Ok(()) => self.model.check_synced(|writer| self.log.synced(writer)),
            Err(CommitError::Failed { .. }) => {
                self.report.failed += 1;
                assert_eq!(self.log.state(), LogState::Failed);
                assert!(matches!(self.log.commit(), Err(CommitError::Failed { .. })));
                if self.random.one_in(2) { self.kill() } else { self.crash() }
            }
            Err(_) => {
                self.report.refused += 1;
                assert!(matches!(self.log.state(), LogState::NoSpace(_)));
            }
        }
    }

    /// A round: what is in some of the oldest segments is kept or not, then they are freed.
    fn free(&mut self) {
        if !self.commit_all() {
            return;
        }
        let closed = self.log.segments().into_iter().filter(|segment| segment.closed);
        let mut closed: Vec<SegmentId> = closed.map(|segment| segment.id).collect();
        closed.truncate(usize::try_from(1 + self.random.below(4)).unwrap());
        let Some(last) = closed.last().copied() else { return };
        let extents = self.log.extents(&closed);
        let mut kept = Vec::new();
        let mut versions = Vec::new();
        for number in self.model.readable() {
            let is_held = extents.contains(number) && !self.model.is_dropped(number);
            if !is_held || self.random.one_in(2) {
                continue;
            }
            let read = self.log.read(number, |stored| stored.order);
            if let Some(order) = read.expect("nothing is damaged") {
                let order = order.expect("it was written");
                let bytes = self.bytes();
                versions.push((number, bytes.clone()));
                kept.push(Kept { number, order, bytes });
            }
        }
        self.report.kept += kept.len() as u64;
        self.model.free(last, &extents, &versions);
        for part in kept.chunks(3) {
            self.log.keep(part.to_vec());
        }
        let result = self.log.free_through(last);
        if result.is_ok() {
            self.report.freed += 1;
            self.model.freed(&versions);
        }
        self.note(&result);
    }

    fn read_some(&mut self) {
        let numbers = self.model.readable();
        for _ in 0..3 {
            let Some(number) = self.random.pick(&numbers).copied() else { return };
            let read = self.log.read(number, |stored| stored.bytes.to_vec());
            self.model.check_read(number, read.expect("nothing is damaged").as_deref());
            let recent = self.log.read_recent(number, |stored| stored.bytes.to_vec());
            assert!(recent.is_none() || recent == read_again(&self.log, number));
        }
        assert_eq!(self.log.read(Number::new(WRITERS, 1), |_| ()).unwrap(), None);
    }

    fn read_all(&mut self) {
        for number in self.model.readable() {
            self.model.check_read(number, read_again(&self.log, number).as_deref());
        }
    }

    fn fail_soon(&mut self) {
        let faults = [Fault::NoSpace, Fault::ReadOnly, Fault::Io, Fault::Crash, Fault::Crash];
        let fault = *self.random.pick(&faults).unwrap();
        self.disk.fail_at(self.disk.operations() + 1 + self.random.below(12), fault);
    }

    /// The disk becomes full, or has room again.
    fn fill(&mut self) {
        self.is_full = !self.is_full;
        let used: u64 = self.disk.files().iter().map(|(_, length)| length).sum();
        let room = if self.is_full { used + self.random.below(4096) } else { u64::MAX };
        self.disk.set_capacity(room);
    }

    /// One by one, so that it is known which segment each run is in.
    fn commit_all(&mut self) -> bool {
        let (starts, refused) = (self.report.starts, self.report.refused);
        while self.log.has_work() {
            self.commit();
            if self.report.starts > starts || self.report.refused > refused {
                return false;
            }
        }
        true
    }

    fn close(&mut self) {
        if !self.commit_all() {
            return;
        }
        let result = self.log.close();
        if result.is_ok() {
            self.model.promise(|_| u64::MAX);
        }
        self.note(&result);
        self.start_again();
    }

    fn kill(&mut self) {
        self.model.promise(|writer| self.log.written(writer));
        self.disk.kill();
        self.start_again();
    }

    fn crash(&mut self) {
        self.report.crashes += 1;
        self.disk.crash();
        self.start_again();
    }

    /// Opens the log until that goes well, and compares it with the model.
    fn start_again(&mut self) {
        // The old one is not told that it is over.
        self.disk.kill();
        let mut opened = open(&self.disk, &self.options);
        while let Err(error) = opened {
            assert!(matches!(error, OpenError::Io { .. }), "{error}");
            self.disk.fail_no_more();
            if self.disk.has_power() {
                self.disk.set_capacity(u64::MAX);
                self.is_full = false;
                self.disk.kill();
            } else {
                self.report.crashes += 1;
                self.disk.crash();
            }
            opened = open(&self.disk, &self.options);
        }
        let Ok((log, seen)) = opened else { unreachable!() };
        self.report.starts += 1;
        self.log = log;
        self.model.check_replay(&seen);
        for (writer, last) in &self.model.last {
            assert!(self.log.next_counters()[writer] > *last, "a number would be used again");
        }
    }

    /// A turned bit under a running log is found, or was not in the way.
    fn flip_and_read(&mut self) {
        let Some(flip) = Flip::random(&mut self.random, &self.disk) else { return };
        flip.apply(&self.disk);
        for number in self.model.readable() {
            match self.log.read(number, |stored| stored.bytes.to_vec()) {
                Ok(read) => self.model.check_read(number, read.as_deref()),
                Err(ReadError::Damaged(damage)) => flip.check(&damage),
                Err(error) => panic!("{error}"),
            }
        }
        flip.apply(&self.disk);
    }

    /// A turned bit is found at the next start, or nothing is missing.
    fn flip_and_start(&mut self) {
        let before = self.disk.copy();
        before.set_capacity(u64::MAX);
        before.set_moody(false);
        let after = before.copy();
        let (_, whole) = open(&after, &self.options).expect("nothing is damaged");
        let was_started = self.random.one_in(2);
        let disk = if was_started { after } else { before }.copy();
        let Some(flip) = Flip::random(&mut self.random, &disk) else { return };
        flip.apply(&disk);
        match open(&disk, &self.options) {
            Ok((_, seen)) if seen == whole => {}
            // What was written before a crash may not be finished, for all one can know.
            Ok((_, seen)) => {
                assert!(!was_started, "{flip:?} was not found");
                assert_eq!(seen, whole[..seen.len()]);
                self.report.lost += 1;
            }
            Err(OpenError::Damaged(damage)) => {
                flip.check(&damage);
                self.report.damaged += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A bit of a segment.
#[derive(Debug)]
struct Flip {
    name: String,
    offset: u64,
    bit: u8,
}

impl Flip {
    fn random(random: &mut Random, disk: &TwinDisk) -> Option<Self> {
        let mut files = disk.files();
        files.retain(|(name, length)| name.ends_with(".segment") && *length > 0);
        let (name, length) = random.pick(&files)?.clone();
        let bit = u8::try_from(random.below(8)).unwrap();
        Some(Self { name, offset: random.below(length), bit })
    }

    fn apply(&self, disk: &TwinDisk) {
        assert!(disk.flip(&self.name, self.offset, self.bit));
    }

    /// The damage that was found is this.
    fn check(&self, damage: &Damage) {
        assert!(damage.path.ends_with(&self.name), "{damage} is not {self:?}");
        assert!(damage.offset <= self.offset, "{damage} is not {self:?}");
    }
}

fn open(
    disk: &TwinDisk,
    options: &LogOptions,
) -> Result<(TwinLog, Vec<Seen>), OpenError<Infallible>> {
    let mut seen = Vec::new();
    let mut replay = |record: ferrymq_store::Replayed<'_>| {
        seen.push(Seen {
            number: record.number,
            order: record.order,
            time: record.time,
            kept: record.kept,
            readable: record.readable,
            bytes: record.bytes.to_vec(),
        });
        Ok(())
    };
    let log = Log::open(disk.clone(), options.clone(), &mut replay, &mut |_, _| {})?;
    Ok((log, seen))
}

fn read_again(log: &TwinLog, number: Number) -> Option<Vec<u8>> {
    log.read(number, |stored| stored.bytes.to_vec()).expect("nothing is damaged")
}
