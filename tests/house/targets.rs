//! The files of `targets/`: all of them load, and agree with each other and with what others say.

use coroner::format::esp_idf;
use coroner::targets::Targets;
use std::collections::BTreeSet;
use std::path::Path;

fn stems(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets").join(folder);
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_string())
        .collect()
}

#[test]
fn the_built_in_lists_are_the_folders() {
    let targets = Targets::built_in();
    let archs: BTreeSet<String> = targets.arch_names().map(Into::into).collect();
    let chips: BTreeSet<String> = targets.chip_names().map(Into::into).collect();
    assert_eq!(archs, stems("arch"));
    assert_eq!(chips, stems("chip"));
}

#[test]
fn every_register_set_loads_under_its_own_name() {
    let targets = Targets::built_in();
    for name in targets.arch_names() {
        let arch = targets.arch(name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(arch.name, name);
        assert_eq!(arch.registers[arch.pc].bits, arch.word_bits, "{name}: pc");
        assert_eq!(arch.registers[arch.sp].bits, arch.word_bits, "{name}: sp");
        for register in &arch.registers {
            let storage = &arch.registers[register.storage];
            assert_eq!(storage.bits, register.bits, "{name}: {}", register.name);
            assert_eq!(
                storage.storage, register.storage,
                "{name}: {} is the same as one that is the same as another",
                register.name
            );
        }
    }
}

#[test]
fn every_chip_loads_and_its_memory_does_not_overlap() {
    let targets = Targets::built_in();
    for name in targets.chip_names() {
        let chip = targets.chip(name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(chip.name, name);
        let arch = targets.arch(&chip.arch).unwrap_or_else(|error| panic!("{name}: {error}"));
        for feature in &chip.features {
            assert!(arch.features.iter().any(|f| f.name == *feature), "{name}: {feature}");
        }
        let mut ranges: Vec<_> = chip.memory.iter().map(|m| (m.range, &m.name)).collect();
        ranges.sort();
        for pair in ranges.windows(2) {
            assert!(
                pair[0].0[1] <= pair[1].0[0],
                "{name}: {} and {} overlap",
                pair[0].1,
                pair[1].1
            );
        }
    }
}

#[test]
fn the_readers_list_of_chip_ids_is_that_of_the_chips() {
    let targets = Targets::built_in();
    let chips = targets.chip_names().filter_map(|name| targets.chip(name).unwrap().esp_idf.clone());
    let mut ids: Vec<u16> = chips.map(|esp| esp.chip_id).collect();
    ids.push(0xffff);
    ids.sort_unstable();
    assert_eq!(ids, esp_idf::CHIP_IDS);
}

/// gdbstub_arch has register sets of its own: where both have one, numbers and widths agree.
#[test]
fn the_riscv_registers_have_the_order_and_widths_of_gdbstub_arch() {
    use gdbstub::arch::{Arch, RegId};
    use gdbstub_arch::riscv::{Riscv32, reg::id::RiscvRegId};
    let arch = Targets::built_in().arch("riscv32").unwrap();
    let names = [
        "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "fp", "s1", "a0", "a1", "a2", "a3", "a4",
        "a5", "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4",
        "t5", "t6", "pc",
    ];
    for (number, name) in names.iter().enumerate() {
        let (id, size) = RiscvRegId::<u32>::from_raw_id(number).unwrap();
        let register = &arch.registers[arch.register_by_regnum(number as u32).unwrap()];
        assert_eq!(register.name, *name);
        assert_eq!(Some(register.byte_len()), size.map(|size| size.get()), "{name}: {id:?}");
    }
    let (mcause, _) = RiscvRegId::<u32>::from_raw_id(65 + 0x342).unwrap();
    assert!(matches!(mcause, RiscvRegId::Csr(0x342)), "{mcause:?}");
    let register = &arch.registers[arch.register_by_regnum(65 + 0x342).unwrap()];
    assert_eq!(register.name, "mcause");
    assert!(Riscv32::target_description_xml().unwrap().contains("riscv"));
}

#[test]
fn a_users_target_file_replaces_a_built_in_one_and_bad_ones_are_told() {
    let mut targets = Targets::built_in();
    let chip = |extra: &str| {
        format!("name = \"mine\"\narch = \"riscv32\"\nsource = \"data sheet 1.0\"\n{extra}")
    };
    assert_eq!(targets.add("mine.toml", chip("cores = 3")).unwrap(), "mine");
    assert_eq!(targets.chip("mine").unwrap().cores, 3);
    let error = targets.add("mine.toml", chip("colour = 1")).unwrap_err().to_string();
    assert!(error.contains("mine.toml") && error.contains("colour"), "{error}");
    let range = "[[memory]]\nname = \"RAM\"\nrange = [2, 1]\nkind = \"ram\"";
    let error = targets.add("mine.toml", chip(range)).unwrap_err().to_string();
    assert!(error.contains("RAM: range ends before it starts"), "{error}");
    let unknown = chip("").replace("riscv32", "z80");
    let error = targets.add("mine.toml", unknown).unwrap_err().to_string();
    assert!(error.contains("no architecture is called 'z80'"), "{error}");
}
