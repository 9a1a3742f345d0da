//! Any dump, served: every `monitor` command and every document that a debugger asks for, then the
//! packets after a line of dashes. Each gets an answer, and no answer steers a terminal.
#![no_main]

use coroner::open::Options;
use coroner::server::Served;
use coroner_fuzz::{halves, opened, within};
use libfuzzer_sys::fuzz_target;

const MONITOR: [&str; 12] = [
    "help",
    "crash",
    "fault",
    "frame",
    "frame 1",
    "threads",
    "regions",
    "regions 0x20000000",
    "find \"a\"",
    "find 0x20000000",
    "notes",
    "elf",
];
const PACKETS: [&str; 12] = [
    "qSupported:multiprocess+;error-message+",
    "?",
    "g",
    "qfThreadInfo",
    "qThreadExtraInfo,1",
    "qXfer:features:read:target.xml:0,ffff",
    "qXfer:memory-map:read::0,ffff",
    "qXfer:threads:read::0,ffff",
    "qXfer:auxv:read::0,ffff",
    "jThreadsInfo",
    "qMemoryRegionInfo:20000000",
    "m20000000,100",
];

fuzz_target!(|data: &[u8]| {
    let (dump, packets) = halves(data);
    let mut sent = Vec::new();
    let mut say = |body: &[u8]| {
        let sum = body.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        sent.extend([b"$", body, format!("#{sum:02x}").as_bytes()].concat());
    };
    for command in MONITOR {
        let hex: String = command.bytes().map(|byte| format!("{byte:02x}")).collect();
        say(format!("qRcmd,{hex}").as_bytes());
    }
    PACKETS.iter().for_each(|packet| say(packet.as_bytes()));
    packets.split(|byte| *byte == b'\n').for_each(&mut say);
    within(data.len(), || {
        let options = Options::default().force(true);
        let Ok(opened) = opened(dump, options) else { return 0 };
        let answers = coroner::server::fuzzing::answers(Served::new(opened.dump, None), &sent);
        for answer in answers.split(|byte| *byte == b'$') {
            let Some(hex) = answer.strip_prefix(b"O") else { continue };
            let console: Vec<u8> = hex.chunks(2).map_while(byte_of).collect();
            let told = String::from_utf8_lossy(&console);
            assert!(!told.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')), "{told:?}");
        }
        // Packets may ask for the same bytes as often as they like.
        answers.len().saturating_sub(sent.len() * 0x10000)
    });
});

fn byte_of(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
