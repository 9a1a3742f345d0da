//! The protocol packet by packet, over hand-made dumps.

use crate::support::server as support;
use coroner::dump::{Dump, Thread};
use coroner::registers::Registers;
use coroner::server::{Options, Served};
use coroner::targets::Targets;
use support::{DATA, STACK, Server, bare, in_handler, riscv, unescape, unhex};

#[test]
fn qsupported_names_what_works_and_offers_text_and_binary_only_to_who_asked() {
    let server = Server::of(riscv());
    let plain = server.connect().ask("qSupported:multiprocess+;xmlRegisters=i386");
    for feature in [
        "PacketSize=10000;",
        "vContSupported+",
        "multiprocess+",
        "QStartNoAckMode+",
        "qXfer:features:read+",
        "qXfer:memory-map:read+",
        "qXfer:threads:read+",
    ] {
        assert!(plain.contains(feature), "{feature} in {plain}");
    }
    for feature in ["error-message", "binary-upload", "QNonStop", "fork", "exec-file", "Reverse"] {
        assert!(!plain.contains(feature), "{feature} in {plain}");
    }
    let newer = server.connect().ask("qSupported:error-message+;binary-upload+");
    assert!(newer.contains(";error-message+;binary-upload+"), "{newer}");
}

#[test]
fn registers_that_the_dump_lacks_are_xx_and_the_wired_zero_is_0() {
    let server = Server::of(riscv());
    let mut client = server.connect().into_gdb();
    let g = client.ask("g");
    // zero, ra ... pc, then mcause and mtval, which some thread holds.
    assert_eq!(g.len(), (33 + 2) * 8);
    assert_eq!(&g[..8], "00000000");
    assert_eq!(&g[4 * 8..5 * 8], "xxxxxxxx", "tp");
    assert_eq!(&g[32 * 8..33 * 8], "0c000042", "pc");
    assert_eq!(&g[33 * 8..], "0500000000000000", "mcause, mtval");

    assert_eq!(client.ask("Hgp1.3fc92000"), "OK");
    let g = client.ask("g");
    assert_eq!(&g[..8], "00000000", "zero is 0 in every thread");
    assert_eq!(&g[9 * 8..10 * 8], "07000000", "s1");
    assert_eq!(&g[10 * 8..32 * 8], "x".repeat(22 * 8), "a0 to t6");
    assert_eq!(&g[33 * 8..], "x".repeat(16), "mcause, mtval");
}

#[test]
fn p_reads_one_register_unknown_or_not_and_refuses_what_the_set_lacks() {
    let server = Server::of(riscv());
    let mut client = server.connect().into_gdb();
    assert_eq!(client.ask("p20"), "0c000042");
    assert_eq!(client.ask("p0"), "00000000");
    assert_eq!(client.ask("p4"), "xxxxxxxx");
    assert_eq!(client.ask("p383"), "05000000", "mcause");
    assert_eq!(client.ask("p1388"), "E01");
    assert_eq!(client.ask("pffffffffff"), "E01");
}

#[test]
fn lldb_gets_an_error_for_an_unknown_register_as_it_reads_xx_as_cc() {
    let server = Server::of(riscv());
    let mut client = server.connect();
    client.ask("qSupported:xmlRegisters=i386,arm,mips,arc");
    assert_eq!(client.ask("p4"), "E01");
    assert_eq!(client.ask("p20"), "0c000042");
}

/// It asks for register 0 first; were that an error, it would never send `p` again and take `g`, in
/// which it reads `xx` as a value.
#[test]
fn lldb_learns_that_there_is_p_though_register_0_is_unknown() {
    let arch = Targets::built_in().arch("cortex-m").expect("a built-in set");
    let mut registers = Registers::unknown(arch.clone());
    registers.set_by_name("pc", 0x72u32);
    let mut dump = Dump::new("hand-made dump", arch);
    dump.threads.push(Thread::new(1, registers));
    let server = Server::of(dump);
    let mut client = server.connect();
    client.ask("qSupported:xmlRegisters=i386,arm,mips,arc");
    assert_eq!(client.ask("p0"), "xxxxxxxx");
    assert_eq!(client.ask("pf"), "72000000");
    assert_eq!(client.ask("p0"), "E01");
}

#[test]
fn the_description_tells_of_the_csrs_that_some_thread_holds() {
    let server = Server::of(riscv());
    let xml = server.connect().into_gdb().document("features:read:target.xml");
    assert!(xml.contains("<architecture>riscv:rv32</architecture>"), "{xml}");
    assert!(xml.contains("<feature name=\"org.gnu.gdb.riscv.csr\">"), "{xml}");
    assert!(xml.contains("name=\"mcause\" bitsize=\"32\" regnum=\"899\""), "{xml}");
    assert!(!xml.contains("mstatus"), "{xml}");
    assert!(!xml.contains("riscv.fpu"), "{xml}");
    let other = server.connect().into_gdb().ask("qXfer:features:read:other.xml:0,100");
    assert_eq!(other, "E02");
}

#[test]
fn a_chip_with_an_fpu_describes_it_though_nobody_holds_a_value() {
    let mut dump = riscv();
    dump.features.push("org.gnu.gdb.riscv.fpu".into());
    let server = Server::of(dump);
    let mut client = server.connect().into_gdb();
    let xml = client.document("features:read:target.xml");
    assert!(
        xml.contains("name=\"ft0\" bitsize=\"32\" regnum=\"33\" type=\"ieee_single\""),
        "{xml}"
    );
    assert_eq!(client.ask("p21"), "xxxxxxxx");
}

#[test]
fn an_architecture_without_description_gets_a_short_g_and_answers_p_for_the_rest() {
    let server = Server::of(bare());
    let mut client = server.connect();
    let offered = client.ask("qSupported:multiprocess+");
    assert!(!offered.contains("qXfer:features"), "{offered}");
    assert_eq!(client.ask("qXfer:features:read:target.xml:0,100"), "");
    assert_eq!(client.ask("g"), "00001000xxxxxxxx01020304xxxxxxxx");
    assert_eq!(client.ask("p4"), "xxxxxxxxxxxxxxxx");
    assert_eq!(client.ask("p9"), "00000009");
    assert_eq!(client.ask("p5"), "E01");
    assert_eq!(client.ask("pa"), "E01");
}

#[test]
fn memory_reads_give_the_readable_front_part() {
    let server = Server::of(riscv());
    let mut client = server.connect().into_gdb();
    assert_eq!(client.ask("m3fc800fe,4"), "feff0001", "across two regions");
    assert_eq!(client.ask("m3fc8013e,10"), "3e3f", "into a hole");
    assert_eq!(client.ask("m3fc80140,4"), "E0e");
    assert_eq!(client.ask("m0,4"), "E0e");
    assert_eq!(client.ask("m3fc80000,0"), "");
    assert_eq!(client.ask("m3fc80000,ffffffffffffffff").len(), 0x140 * 2);
    assert_eq!(client.ask("mffffffffffffffff,ffffffffffffffff"), "E0e");
}

#[test]
fn binary_reads_are_escaped_and_only_for_who_offered_them() {
    let server = Server::of(riscv());
    assert_eq!(server.connect().into_gdb().ask("x3fc80000,4"), "");
    let mut client = server.connect();
    client.ask("qSupported:binary-upload+");
    let (_, reply) = client.exchange(format!("x{:x},8", STACK + 0x40));
    assert_eq!(reply, b"b}\x03}\x04}\x5d}\x0a\x03+-\0");
    assert_eq!(unescape(&reply[1..]), b"#$}*\x03+-\0");
    let (_, reply) = client.exchange(format!("x{:x},8", DATA + 0x13e));
    assert_eq!(reply, b"b>?");
    assert_eq!(client.ask("x0,4"), "E0e");
    assert_eq!(client.ask("x0,0"), "b");
}

#[test]
fn the_reason_of_a_hole_reaches_clients_that_take_words() {
    let server = Server::of(riscv());
    let mut client = server.connect();
    client.ask("qSupported:error-message+");
    let reply = client.ask("m3fc80140,4");
    assert_eq!(reply, "E.no memory at 0x3fc80140: cut off: the partition was full");
}

#[test]
fn the_stop_reply_has_the_signal_and_the_thread_that_crashed() {
    let server = Server::of(riscv());
    assert_eq!(server.connect().into_gdb().ask("?"), "T0bthread:p1.3fc91000;core:0;");
    assert_eq!(server.connect().ask("?"), "T0bthread:3fc91000;core:0;");
}

#[test]
fn every_resume_is_answered_with_a_sentence_and_the_crash() {
    let server = Server::of(riscv());
    let resumes = ["c", "s", "C05", "S05", "vCont;c", "vCont;C05:p1.3fc91000", "vCont;c:p1.-1"];
    for resume in resumes {
        let (console, reply) = server.connect().into_gdb().exchange(resume);
        assert!(console.contains("The device is dead"), "{resume}: {console}");
        assert_eq!(reply, b"T0bthread:p1.3fc91000;core:0;", "{resume}");
    }
    for step in
        ["vCont;s:p1.3fc92000;c", "vCont;r42000000,42000010:p1.3fc92000", "vCont;S05:p1.3fc92000"]
    {
        let (_, reply) = server.connect().into_gdb().exchange(step);
        assert_eq!(reply, b"T0bthread:p1.3fc92000;", "{step}");
    }
    let mut client = server.connect().into_gdb();
    assert_eq!(client.ask("vCont;t:p1.-1"), "OK");
    assert_eq!(client.ask("vCont?"), "vCont;c;C;s;S;t");
    assert_eq!(client.ask("vCtrlC"), "OK");
}

#[test]
fn a_stop_reply_selects_the_thread_that_it_names() {
    let server = Server::of(riscv());
    for stop in ["?", "c", "vCont;c"] {
        let mut client = server.connect().into_gdb();
        assert_eq!(client.ask("Hgp1.3fc92000"), "OK");
        assert_eq!(client.ask("p20"), "04000042", "pc of the other thread");
        client.exchange(stop);
        assert_eq!(client.ask("p20"), "0c000042", "{stop}: pc of the crashed thread");
    }
    let mut client = server.connect().into_gdb();
    client.exchange("vCont;s:p1.3fc92000;c");
    assert_eq!(client.ask("p20"), "04000042", "pc of the thread that was to step");
}

#[test]
fn the_first_resume_tells_reason_and_warnings_and_later_ones_do_not() {
    let server = Server::of(riscv());
    let mut client = server.connect().into_gdb();
    let (first, _) = client.exchange("vCont;c");
    assert!(
        first.contains("load access fault at 0x0 (SIGSEGV) in thread main on core 0"),
        "{first}"
    );
    assert!(first.contains("warning: heap cut off") && !first.contains("made by hand"), "{first}");
    let (second, _) = client.exchange("vCont;c");
    assert!(!second.contains("load access fault"), "{second}");
}

#[test]
fn breakpoints_and_watchpoints_are_accepted() {
    let server = Server::of(riscv());
    let mut client = server.connect().into_gdb();
    for kind in 0..=4 {
        assert_eq!(client.ask(format!("Z{kind},42000000,4")), "OK");
        assert_eq!(client.ask(format!("z{kind},42000000,4")), "OK");
    }
}

#[test]
fn what_needs_a_live_device_is_refused() {
    let server = Server::of(riscv());
    let mut client = server.connect().into_gdb();
    for request in ["vRun;", "R00", "vFlashErase:42000000,1000", "vFlashWrite:0:x", "vFlashDone"] {
        assert_eq!(client.ask(request), "E1e", "{request}");
    }
    for request in [
        "bc",
        "bs",
        "QNonStop:1",
        "vMustReplyEmpty",
        "qOffsets",
        "qTStatus",
        "qSymbol::",
        "",
        "i",
        "QThreadSuffixSupported",
        "qRegisterInfo0",
        "jThreadExtendedInfo:{}",
    ] {
        assert_eq!(client.ask(request), "", "{request}");
    }
    assert_eq!(client.ask("!"), "OK");
    assert_eq!(client.ask("qAttached:1"), "1");
}

#[test]
fn after_a_detach_or_kill_no_threads_exist_until_an_attach() {
    let server = Server::of(riscv());
    for end in ["D", "D;1", "vKill;1"] {
        let mut client = server.connect().into_gdb();
        assert_eq!(client.ask("Hgp1.3fc92000"), "OK");
        assert_eq!(client.ask(end), "OK");
        assert_eq!(client.ask(end), "OK", "once more does no harm");
        assert_eq!(client.ask("?"), "W00");
        assert_eq!(client.ask("qfThreadInfo"), "l");
        assert_eq!(client.document("threads:read:"), "<threads/>");
        assert_eq!(client.ask("qC"), "");
        assert_eq!(client.ask("jThreadsInfo"), "[]");
        for request in
            ["g", "p20", "m42000000,4", "Tp1.3fc91000", "Hgp1.3fc91000", "M42000000,1:00"]
        {
            assert_eq!(client.ask(request), "E03", "{end}, {request}");
        }
        assert_eq!(client.ask("vAttach;1"), "T0bthread:p1.3fc91000;core:0;");
        assert_eq!(client.ask("qC"), "QCp1.3fc91000");
        assert!(client.ask("g").starts_with("0000000018000042"));
    }
}

#[test]
fn k_alone_has_no_reply() {
    let server = Server::of(riscv());
    let mut client = server.connect().into_gdb();
    client.send(support::packet("k"));
    assert_eq!(client.expect_byte(), b'+');
    assert_eq!(client.ask("?"), "W00", "the next reply is that of the next request");
    let mut lldb = server.connect();
    lldb.ask("qSupported:xmlRegisters=i386,arm,mips,arc");
    assert_eq!(lldb.ask("k"), "X09", "to LLDB silence is a failure");
}

#[test]
fn threads_are_listed_crashed_first_with_ids_that_gdb_can_carry() {
    let server = Server::of(riscv());
    let mut client = server.connect().into_gdb();
    assert_eq!(client.ask("qfThreadInfo"), "mp01.3fc91000,p01.3fc92000,p01.01");
    assert_eq!(client.ask("qsThreadInfo"), "l");
    assert_eq!(client.ask("Tp1.3fc92000"), "OK");
    assert_eq!(client.ask("Tp1.1"), "OK");
    assert_eq!(client.ask("Tp1.2"), "E01");
    assert_eq!(client.ask("Hgp1.2"), "E03");
    assert_eq!(client.ask("Hgp0.0"), "OK");
    assert_eq!(client.ask("Hc-1"), "OK");
    let info = client.ask("qThreadExtraInfo,p1.3fc92000");
    assert_eq!(unhex(info.as_bytes()), b"sensor: blocked");

    let xml = client.document("threads:read:");
    let main = "<thread id=\"p1.3fc91000\" core=\"0\" name=\"main\">crashed (SIGSEGV), running, \
                priority 5, 256 of 512 bytes of stack used</thread>";
    assert!(xml.contains(main), "{xml}");
    assert!(xml.contains("<thread id=\"p1.1\"></thread>"), "{xml}");
    let single = server.connect().document("threads:read:");
    assert!(
        single.contains("<thread id=\"3fc92000\" name=\"sensor\">blocked</thread>"),
        "{single}"
    );
}

#[test]
fn a_dump_without_registers_has_one_thread_that_knows_nothing() {
    let arch = riscv().arch;
    let server = Server::of(Dump::new("only memory", arch));
    let mut client = server.connect().into_gdb();
    assert_eq!(client.ask("?"), "T00thread:p1.1;", "nothing says why it stopped");
    // x0 is what it always is, and pc reads as 0: GDB 13 gives up on a thread without one.
    assert_eq!(client.ask("g"), format!("00000000{}00000000", "x".repeat(31 * 8)));
    assert!(client.monitor("notes").contains("no registers"));
}

#[test]
fn the_memory_map_covers_what_is_held_and_nothing_else() {
    let server = Server::of(riscv());
    let map = server.connect().into_gdb().document("memory-map:read:");
    assert!(map.contains("<memory type=\"ram\" start=\"0x3fc80000\" length=\"0x140\"/>"), "{map}");
    assert_eq!(map.matches("<memory ").count(), 3, "{map}");
}

#[test]
fn lldb_gets_regions_threads_and_reasons() {
    let server = Server::of(riscv());
    let mut client = server.connect();
    client.ask("qSupported:xmlRegisters=i386,arm,mips,arc");
    let name = "68656170203c313e";
    let region = client.ask("qMemoryRegionInfo:3fc80010");
    assert_eq!(region, format!("start:3fc80000;size:100;permissions:rw;name:{name};"));
    assert_eq!(client.ask("qMemoryRegionInfo:3fc80140"), "start:3fc80140;size:ff00;");
    let stop = client.ask("qThreadStopInfo3fc91000");
    assert!(stop.starts_with("T0bthread:3fc91000;") && stop.contains("reason:signal;"), "{stop}");
    let other = client.ask("qThreadStopInfo3fc92000");
    assert_eq!(other, "T00thread:3fc92000;hexname:73656e736f72;");
    assert_eq!(client.ask("qThreadStopInfo5"), "E03");
    let (_, json) = client.exchange("jThreadsInfo");
    let list: serde_json::Value = serde_json::from_slice(&unescape(&json)).unwrap();
    assert_eq!(list[0]["tid"], 0x3fc9_1000);
    assert_eq!(list[0]["reason"], "signal");
    assert_eq!(list[1]["name"], "sensor");
    assert_eq!(list[1].get("reason"), None);
    let host = client.ask("qHostInfo");
    let triple: String = "riscv32".bytes().map(|b| format!("{b:02x}")).collect();
    assert_eq!(host, format!("triple:{triple};ptrsize:4;endian:little;;"));
    assert_eq!(client.ask("qOffsets"), "Text=0;Data=0;Bss=0");
    assert!(client.ask("qProcessInfo").starts_with("pid:1;triple:"));
}

#[test]
fn crc_and_search_look_at_what_is_there() {
    let server = Server::of(riscv());
    let mut client = server.connect().into_gdb();
    // The same figure as GDB's own: checked with compare-sections in tests/server/gdb.rs.
    assert!(client.ask("qCRC:42000000,20").starts_with('C'));
    assert_eq!(client.ask("qCRC:3fc80000,141"), "E0e");
    assert_eq!(client.ask("qCRC:3fc80000,ffffffffffffffff"), "E0e");
    assert_eq!(client.ask("qSearch:memory:3fc80000;100;\x10\x11\x12"), "1,3fc80010");
    assert_eq!(client.ask("qSearch:memory:3fc80000;140;\u{7e}\u{7f}"), "1,3fc8007e");
    assert_eq!(client.ask("qSearch:memory:0;ffffffffffffffff;}\x03}\x04"), "1,3fc80023");
    assert_eq!(client.ask("qSearch:memory:3fc90000;1000;}\x03}\x04}\x5d}\x0a"), "1,3fc90080");
    assert_eq!(client.ask("qSearch:memory:3fc80000;12;\x10\x11\x12"), "0", "not wholly inside");
    assert_eq!(client.ask("qSearch:memory:0;10;a"), "0");
}

#[test]
fn what_a_client_writes_only_it_sees_and_only_until_revert() {
    let server = Server::of(riscv());
    let mut client = server.connect().into_gdb();
    let mut other = server.connect().into_gdb();
    assert_eq!(client.ask("M3fc800ff,2:abcd"), "OK");
    assert_eq!(client.ask("X3fc80101,1:}\x03"), "OK");
    assert_eq!(client.ask("m3fc800fe,4"), "feabcd23");
    assert_eq!(client.ask("P20=78563412"), "OK");
    assert_eq!(client.ask("P4=01020304"), "OK", "unknown until now");
    assert_eq!(client.ask("p20"), "78563412");
    assert_eq!(&client.ask("g")[4 * 8..5 * 8], "01020304");
    assert_eq!(other.ask("m3fc800fe,4"), "feff0001");
    assert_eq!(other.ask("p20"), "0c000042");

    let reverted = client.monitor("revert");
    assert!(reverted.contains("3 bytes") && reverted.contains("2 registers"), "{reverted}");
    assert_eq!(client.ask("m3fc800fe,4"), "feff0001");
    assert_eq!(client.ask("p4"), "xxxxxxxx");
    assert!(client.monitor("revert").contains("wrote nothing"));
}

#[test]
fn holes_and_impossible_values_cannot_be_written() {
    let server = Server::of(riscv());
    let mut client = server.connect().into_gdb();
    assert_eq!(client.ask("M3fc8013f,2:abcd"), "E0e");
    assert_eq!(client.ask("m3fc8013f,1"), "3f", "nothing of it was written");
    assert_eq!(client.ask("M0,1:00"), "E0e");
    assert_eq!(client.ask("M42000000,1:00"), "E1e", "code");
    assert_eq!(client.ask("M3fc80000,2:00"), "E16");
    assert_eq!(client.ask("X3fc80000,0:"), "OK", "GDB's question whether X works");
    assert_eq!(client.ask("P20=1234"), "E.pc has 4 bytes, not 2");
    assert_eq!(client.ask("P1388=00"), "E.there is no register 5000");
    assert_eq!(client.ask("P20=xxxxxxxx"), "E.the request makes no sense");
    let g = client.ask("g");
    assert_eq!(client.ask(format!("G{g}")), "OK", "with its unknown registers");
    assert_eq!(client.ask("g"), g);
    assert_eq!(client.ask("G00"), "E.the request makes no sense");
}

#[test]
fn monitor_has_an_answer_to_every_word() {
    let server = Server::of(riscv());
    let mut client = server.connect().into_gdb();
    assert!(client.monitor("help").lines().count() >= 9);
    assert!(client.monitor("").contains("revert"));
    let crash = client.monitor("crash");
    assert!(crash.starts_with("load access fault at 0x0 (SIGSEGV) in thread main"), "{crash}");
    assert!(crash.contains("Guru Meditation"), "{crash}");
    assert!(client.monitor("fault").contains("mcause  0x00000005  load access fault"));
    let regions = client.monitor("regions");
    assert!(
        regions.contains("0x42000000..0x4200001f         32  r-x  elf       .text"),
        "{regions}"
    );
    assert!(regions.contains("missing: cut off: the partition was full"), "{regions}");
    assert!(client.monitor("regions 0x3fc80200").contains("cut off"));
    let threads = client.monitor("threads");
    assert!(threads.contains("* 0x3fc91000  main") && threads.contains("256 of 512"), "{threads}");
    assert!(client.monitor("notes").contains("note: made by hand"));
    assert!(client.monitor("elf").contains("No ELF file"));
    assert!(client.monitor("find 0x13121110").contains("0x3fc80010  heap <1>"));
    assert!(client.monitor("find \"+-\"").contains(&format!("{:#x}", STACK + 0x45)));
    assert!(client.monitor("find \"nowhere\"").contains("Found nowhere"));
    for word in ["reset halt", "halt", "gdb_sync", "swdp_scan", "rtt setup 0 1 2", "SWO enable"] {
        assert!(client.monitor(word).starts_with("Nothing to do for"), "{word}");
    }
    assert!(client.monitor("bogus \u{1f980}").contains("means nothing"));
}

#[test]
fn monitor_frame_shows_what_an_exception_interrupted() {
    let server = Server::of(in_handler());
    let mut client = server.connect().into_gdb();
    let text = client.monitor("frame");
    assert!(text.contains("Frame 1 of main: an exception interrupted 0x300"), "{text}");
    for register in ["r0   0x00000011", "r12  0x00000055", "lr   0x00000201", "sp   0x20001020"] {
        assert!(text.contains(register), "{register}: {text}");
    }
    assert_eq!(client.monitor("frame main"), text);
    assert_eq!(client.monitor("frame 0x1"), text);
    assert!(client.monitor("frame nobody").contains("No thread is called 'nobody'"));
    let riscv = Server::of(riscv());
    let text = riscv.connect().into_gdb().monitor("frame");
    assert!(text.starts_with("No exception frame in the"), "{text}");
}

#[test]
fn the_elf_file_comes_through_the_connection_and_nothing_else_does() {
    let elf = support::demo_elf("/build/app.elf");
    let served = Served::new(riscv(), Some(elf.clone()));
    let server = Server::with(served, Options::default());
    let mut client = server.connect();
    assert!(client.ask("qSupported:multiprocess+").contains("qXfer:exec-file:read+"));
    assert_eq!(client.document("exec-file:read:1"), "/build/app.elf");
    let path: String = "/build/app.elf".bytes().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(client.ask("vFile:setfs:0"), "F0");
    assert_eq!(client.ask(format!("vFile:open:{path},0,0")), "F01");
    let mut got = Vec::new();
    loop {
        let (_, reply) = client.exchange(format!("vFile:pread:1,4000,{:x}", got.len()));
        let (count, data) = reply.split_at(reply.iter().position(|b| *b == b';').unwrap());
        let data = unescape(&data[1..]);
        let count = std::str::from_utf8(&count[1..]).unwrap();
        assert_eq!(usize::from_str_radix(count, 16).unwrap(), data.len());
        if data.is_empty() {
            break;
        }
        got.extend(data);
    }
    assert_eq!(got, elf.bytes);
    assert!(client.ask("vFile:fstat:1").starts_with("F40;"));
    assert_eq!(client.ask("vFile:fstat:7"), "F-1,09");
    let passwd: String = "/etc/passwd".bytes().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(client.ask(format!("vFile:open:{passwd},0,0")), "F-1,02");
    assert_eq!(client.ask(format!("vFile:open:{path},1,0")), "F-1,1e");
    assert!(client.monitor("elf").contains("served: /build/app.elf"));
}
