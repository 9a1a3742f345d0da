//! The code that touches memory, on memory of the test itself: for Miri and the sanitizers, and for
//! what it should do.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use coroner_capture::arch::Memory;
use coroner_capture::arch::kept::Room;
use coroner_capture::arch::live::Live;
use coroner_capture::arch::rtt::{Channel, Ring};
use coroner_capture::arch::state::HandlerOnly;
use coroner_capture::crash::{Kind as CrashKind, signal};
use coroner_capture::sink::retained::Retained;
use coroner_capture::sink::rtt::Rtt;
use coroner_capture::sink::text::ByteSink;
use coroner_capture::stored::Medium;
use coroner_capture::{Access, Area, Cause, Config, Crash, Kind, Region, Registry};

static WORDS: [AtomicU32; 4] = [
    AtomicU32::new(0x0403_0201),
    AtomicU32::new(0x0807_0605),
    AtomicU32::new(0),
    AtomicU32::new(!0),
];
const MAP: [Area; 1] = [Area::of(&raw const WORDS)];
const CONFIG: Config<'static> = Config { memory: &MAP, ..Config::MINIMAL };

#[allow(unsafe_code, reason = "memory of this test alone")]
fn live() -> Live<'static> {
    // SAFETY: the map is one static.
    unsafe { Live::new(&CONFIG) }
}

#[test]
fn live_memory_is_read_in_every_width_and_at_every_offset() {
    WORDS[0].store(0x0403_0201, Relaxed);
    let start = MAP[0].start();
    let expected = [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 255, 255, 255, 255];
    for access in [Access::Byte, Access::Half, Access::Word] {
        for from in 0..expected.len() {
            for len in 0..=expected.len() - from {
                let mut bytes = [0xaa; 16];
                assert!(live().read(start + from, &mut bytes[..len], access));
                assert_eq!(bytes[..len], expected[from..from + len], "{access:?} {from} {len}");
            }
        }
    }
}

#[test]
fn nothing_is_read_outside_of_the_map() {
    let (start, end) = (MAP[0].start(), MAP[0].end());
    for (at, len) in [(start - 1, 1), (end, 1), (end - 1, 2), (0, 4), (usize::MAX, 2)] {
        let mut bytes = vec![0xaa; len];
        assert!(!live().read(at, &mut bytes, Access::Byte), "{at:#x} {len}");
        assert!(bytes.iter().all(|&byte| byte == 0xaa));
    }
}

#[test]
fn a_registry_shows_what_was_added_before_and_refuses_what_has_no_room() {
    let registry = Registry::<2>::new();
    assert!(registry.list().is_empty());
    assert!(registry.add(Region::new(Kind::Heap, Area::range(0x100, 0x200))));
    let earlier = registry.list();
    assert!(registry.add(Region::new(Kind::Custom, Area::range(0x300, 0x400))));
    assert!(!registry.add(Region::new(Kind::Custom, Area::range(0x500, 0x600))));
    // The list of before is not touched by what came after.
    assert_eq!((earlier.len(), registry.list().len()), (1, 2));
}

#[test]
fn a_registry_may_be_looked_at_while_another_thread_adds() {
    static REGISTRY: Registry<64> = Registry::new();
    std::thread::scope(|scope| {
        scope.spawn(|| while REGISTRY.add(Region::new(Kind::Custom, Area::range(1, 2))) {});
        let mut last = 0;
        while last < 64 {
            let now = REGISTRY.list();
            assert!(now.len() >= last);
            last = now.len();
            std::hint::spin_loop();
        }
    });
}

#[test]
fn kept_memory_is_reached_inside_of_its_bounds_alone() {
    static ROOM: Room<64> = Room::new();
    let kept = ROOM.kept();
    let mut memory = Retained::blank(&kept);
    memory.write(32, &[7; 32]).expect("inside");
    let mut bytes = [0; 64];
    memory.read(0, &mut bytes).expect("inside");
    assert_eq!((bytes[31], bytes[32], bytes[63]), (0xff, 7, 7));
    for (at, len) in [(64, 1), (33, 32), (u32::MAX, 32)] {
        assert!(memory.read(at, &mut vec![0; len]).is_err());
        assert!(memory.write(at, &vec![0; len]).is_err());
    }
    memory.erase(0).expect("erased");
    memory.read(0, &mut bytes).expect("inside");
    assert!(bytes.iter().all(|&byte| byte == 0xff));
}

#[test]
fn an_rtt_ring_carries_bytes_around_its_end() {
    static RING: Ring<8> = Ring::new();
    static CHANNEL: Channel = Channel::new(&RING);
    CHANNEL.open();
    let mut sink = Rtt::new(&CHANNEL, 10);
    for round in 0..20u8 {
        let sent = [round, round + 1, round + 2];
        sink.send(&sent).expect("room");
        assert_eq!([CHANNEL.pop(), CHANNEL.pop(), CHANNEL.pop()], sent.map(Some));
        assert!(CHANNEL.is_empty() && CHANNEL.pop().is_none());
    }
    assert!(sink.send(&[0; 8]).is_err(), "nobody reads, and there is an end to patience");
}

#[test]
fn the_handler_s_own_value_is_lent_to_one_holder_at_a_time() {
    static OWN: HandlerOnly<[u32; 2]> = HandlerOnly::new([1, 2]);
    // What anybody can make is not the entry code's, whatever it says of itself.
    let mut crash = Crash::new(Cause::new(CrashKind::Fault, signal::SEGV), &[], 0);
    crash.retry = true;
    let mut held = OWN.get(&crash);
    held[1] = 3;
    assert!(OWN.try_get(&crash).is_none());
    assert!(OWN.try_get(&crash).is_none(), "being refused gives nothing back");
    drop(held);
    assert_eq!(*OWN.get(&crash), [1, 3]);
}

#[test]
fn of_threads_that_ask_at_once_one_has_the_value() {
    static OWN: HandlerOnly<u32> = HandlerOnly::new(0);
    let crash = Crash::new(Cause::new(CrashKind::Fault, signal::SEGV), &[], 0);
    let most = if cfg!(miri) { 20 } else { 2000 };
    let done: u32 = std::thread::scope(|scope| {
        let add = || {
            (0..most).filter_map(|_| OWN.try_get(&crash)).map(|mut held| *held += 1).count() as u32
        };
        let threads = [(); 3].map(|()| scope.spawn(add));
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert_eq!(*OWN.get(&crash), done);
}

#[test]
fn contexts_that_add_regions_at_once_do_not_get_into_each_other_s_way() {
    static REGISTRY: Registry<64> = Registry::new();
    let added: usize = std::thread::scope(|scope| {
        let threads = [1usize, 2, 3].map(|mine| {
            let region = Region::new(Kind::Custom, Area::range(mine, 2 * mine));
            scope.spawn(move || (0..30).filter(|_| REGISTRY.add(region)).count())
        });
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert_eq!(REGISTRY.list().len(), added);
}
