//! Operations on a broker beside the model of its tests: connections, subscriptions and messages of
//! clients that keep the rules, while mail, records and the store take their time, and the process
//! ends now and then.

#[path = "../../crates/broker/tests/operations/mod.rs"]
mod operations;

use arbitrary::{Result, Unstructured};

use self::operations::{Op, run_in};
use crate::world::World;

/// The data is a number of shards and then operations, each an octet for its kind and some for its
/// fields. Clients get what they are owed, and nothing of them is left when they have gone.
///
/// # Panics
///
/// If broker and model differ.
pub fn broker_operations(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let shards = 1 + octet(&mut data).unwrap_or_default() % 3;
    let mut ops = Vec::new();
    while !data.is_empty()
        && ops.len() < MAXIMUM_OPERATIONS
        && let Ok(op) = operation(&mut data)
    {
        ops.push(op);
    }
    run_in(World::new(u16::from(shards)), &ops, |_, _| {});
}

fn operation(data: &mut Unstructured<'_>) -> Result<Op> {
    let kind = octet(data)? % 25;
    Ok(match kind {
        0..3 => connect(data)?,
        3 => Op::Cut { client: number(data)? },
        4 => Op::Disconnect { client: number(data)? },
        5..8 => Op::Subscribe {
            client: number(data)?,
            filter: number(data)?,
            qos: octet(data)? % 3,
            no_local: data.arbitrary()?,
            as_published: data.arbitrary()?,
        },
        8 => Op::Unsubscribe { client: number(data)?, filter: number(data)? },
        9..14 => {
            let (client, topic) = (number(data)?, number(data)?);
            let flags = octet(data)?;
            let (retain, big) = (flags & 0x0C == 0x0C, flags & 0x30 == 0x30);
            Op::Publish { client, topic, qos: flags % 4 % 3, retain, big }
        }
        14..16 => Op::Answer { client: number(data)?, which: number(data)? },
        16..18 => Op::AnswerAll { client: number(data)? },
        18 => Op::Durable(true),
        19 => Op::Durable(false),
        20 => Op::Fetches(data.arbitrary()?),
        21 => Op::AnswerFetches { well: data.arbitrary()? },
        22 => Op::HoldMail(data.arbitrary()?),
        23 => Op::Pass { seconds: octet(data)? },
        _ => Op::Crash { shards: 1 + u16::from(octet(data)? % 3), lost: number(data)? },
    })
}

fn connect(data: &mut Unstructured<'_>) -> Result<Op> {
    let (client, flags) = (number(data)?, octet(data)?);
    let expires = flags & 1 > 0;
    // The model knows no session that goes on where the one before it was thrown away, and none
    // that is small for a while only.
    let clean = expires && flags & 2 > 0;
    let small = clean && flags & 4 > 0;
    let (hasty, window) = (flags & 8 > 0, u16::from(flags >> 4));
    Ok(Op::Connect { client, clean, expires, window, small, hasty })
}

/// Operations take numbers modulo what there is to choose from.
fn number(data: &mut Unstructured<'_>) -> Result<usize> {
    octet(data).map(usize::from)
}

fn octet(data: &mut Unstructured<'_>) -> Result<u8> {
    data.arbitrary()
}

/// What the model goes through for each message grows with their number.
const MAXIMUM_OPERATIONS: usize = 150;
