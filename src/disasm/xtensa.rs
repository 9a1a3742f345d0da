//! Xtensa: core, density, windowed registers, loops, booleans, multiplication and division, MAC16 in part, atomic
//! compare-and-set, cache, floating point.
//!
//! Patterns have the fields of the manual, from the last to the first: op2, op1, r, s, t, op0.
//!
//! Source: Xtensa ISA Reference Manual (RI-2010.1), chapters 3, 6 and 7 (opcode maps of section 7.3), and for
//! division and square roots of floating point the release LX7 of it.

use super::Instruction;
use super::pattern::{Operand, Row, Table, Word};
use std::sync::OnceLock;

#[rustfmt::skip] // One row, one line.
static ROWS: &[Row] = &[
    ("0000 0000 0000 0000 0000 0000", "ill", "trap"),
    ("0000 0000 0000 0000 1000 0000", "ret", "return reads:a0"),
    ("0000 0000 0000 0000 1001 0000", "retw", "return reads:a0"),
    ("0000 0000 0000 ssss 1010 0000", "jx {s}", "jump"),
    ("0000 0000 0000 ssss 1100 0000", "callx0 {s}", "call writes:a0"),
    ("0000 0000 0000 ssss 1101 0000", "callx4 {s}", "call writes:a4"),
    ("0000 0000 0000 ssss 1110 0000", "callx8 {s}", "call writes:a8"),
    ("0000 0000 0000 ssss 1111 0000", "callx12 {s}", "call writes:a12"),
    ("0000 0000 0001 ssss tttt 0000", "movsp {=t}, {s}", ""),
    ("0000 0000 0010 0000 0000 0000", "isync", ""),
    ("0000 0000 0010 0000 0001 0000", "rsync", ""),
    ("0000 0000 0010 0000 0010 0000", "esync", ""),
    ("0000 0000 0010 0000 0011 0000", "dsync", ""),
    ("0000 0000 0010 0000 1000 0000", "excw", ""),
    ("0000 0000 0010 0000 1100 0000", "memw", ""),
    ("0000 0000 0010 0000 1101 0000", "extw", ""),
    ("0000 0000 0010 0000 1111 0000", "nop", ""),
    ("0000 0000 0011 0000 0000 0000", "rfe", "return"),
    ("0000 0000 0011 0001 0000 0000", "rfue", "return"),
    ("0000 0000 0011 0010 0000 0000", "rfde", "return"),
    ("0000 0000 0011 0100 0000 0000", "rfwo", "return"),
    ("0000 0000 0011 0101 0000 0000", "rfwu", "return"),
    ("0000 0000 0011 ssss 0001 0000", "rfi {sn}", "return"),
    ("0000 0000 0011 0000 0010 0000", "rfme", "return"),
    ("0000 0000 0100 ssss tttt 0000", "break {sn}, {tn}", "trap"),
    ("0000 0000 0101 0000 0000 0000", "syscall", "trap"),
    ("0000 0000 0101 0001 0000 0000", "simcall", "trap"),
    ("0000 0000 0110 ssss tttt 0000", "rsil {=t}, {sn}", ""),
    ("0000 0000 0111 ssss 0000 0000", "waiti {sn}", ""),
    ("0000 0000 1000 ssss tttt 0000", "any4 {bt}, {bs4}", ""),
    ("0000 0000 1001 ssss tttt 0000", "all4 {bt}, {bs4}", ""),
    ("0000 0000 1010 ssss tttt 0000", "any8 {bt}, {bs8}", ""),
    ("0000 0000 1011 ssss tttt 0000", "all8 {bt}, {bs8}", ""),
    ("0001 0000 rrrr ssss tttt 0000", "and {=r}, {s}, {t}", ""),
    ("0010 0000 rrrr ssss tttt 0000", "or {=r}, {s}, {t}", ""),
    ("0011 0000 rrrr ssss tttt 0000", "xor {=r}, {s}, {t}", ""),
    ("0100 0000 0000 ssss 0000 0000", "ssr {s}", ""),
    ("0100 0000 0001 ssss 0000 0000", "ssl {s}", ""),
    ("0100 0000 0010 ssss 0000 0000", "ssa8l {s}", ""),
    ("0100 0000 0011 ssss 0000 0000", "ssa8b {s}", ""),
    ("0100 0000 0100 ssss 000x 0000", "ssai {ssai}", ""),
    ("0100 0000 0110 ssss tttt 0000", "rer {=t}, {s}", ""),
    ("0100 0000 0111 ssss tttt 0000", "wer {t}, {s}", ""),
    ("0100 0000 1000 0000 tttt 0000", "rotw {rotw}", ""),
    ("0100 0000 1110 ssss tttt 0000", "nsa {=t}, {s}", ""),
    ("0100 0000 1111 ssss tttt 0000", "nsau {=t}, {s}", ""),
    ("0101 0000 0011 ssss tttt 0000", "ritlb0 {=t}, {s}", ""),
    ("0101 0000 0101 ssss tttt 0000", "pitlb {=t}, {s}", ""),
    ("0101 0000 0110 ssss tttt 0000", "witlb {t}, {s}", ""),
    ("0101 0000 0111 ssss tttt 0000", "ritlb1 {=t}, {s}", ""),
    ("0101 0000 1011 ssss tttt 0000", "rdtlb0 {=t}, {s}", ""),
    ("0101 0000 1101 ssss tttt 0000", "pdtlb {=t}, {s}", ""),
    ("0101 0000 1110 ssss tttt 0000", "wdtlb {t}, {s}", ""),
    ("0101 0000 1111 ssss tttt 0000", "rdtlb1 {=t}, {s}", ""),
    ("0101 0000 0100 ssss 0000 0000", "iitlb {s}", ""),
    ("0101 0000 1100 ssss 0000 0000", "idtlb {s}", ""),
    ("0110 0000 rrrr 0000 tttt 0000", "neg {=r}, {t}", ""),
    ("0110 0000 rrrr 0001 tttt 0000", "abs {=r}, {t}", ""),
    ("1000 0000 rrrr ssss tttt 0000", "add {=r}, {s}, {t}", ""),
    ("1001 0000 rrrr ssss tttt 0000", "addx2 {=r}, {s}, {t}", ""),
    ("1010 0000 rrrr ssss tttt 0000", "addx4 {=r}, {s}, {t}", ""),
    ("1011 0000 rrrr ssss tttt 0000", "addx8 {=r}, {s}, {t}", ""),
    ("1100 0000 rrrr ssss tttt 0000", "sub {=r}, {s}, {t}", ""),
    ("1101 0000 rrrr ssss tttt 0000", "subx2 {=r}, {s}, {t}", ""),
    ("1110 0000 rrrr ssss tttt 0000", "subx4 {=r}, {s}, {t}", ""),
    ("1111 0000 rrrr ssss tttt 0000", "subx8 {=r}, {s}, {t}", ""),
    ("000x 0001 rrrr ssss tttt 0000", "slli {=r}, {s}, {slli}", ""),
    ("001x 0001 rrrr ssss tttt 0000", "srai {=r}, {t}, {xs}", ""),
    ("0100 0001 rrrr ssss tttt 0000", "srli {=r}, {t}, {sn}", ""),
    ("0110 0001 rrrr ssss tttt 0000", "xsr.{sr} {+t}", ""),
    ("1000 0001 rrrr ssss tttt 0000", "src {=r}, {s}, {t}", ""),
    ("1001 0001 rrrr 0000 tttt 0000", "srl {=r}, {t}", ""),
    ("1010 0001 rrrr ssss 0000 0000", "sll {=r}, {s}", ""),
    ("1011 0001 rrrr 0000 tttt 0000", "sra {=r}, {t}", ""),
    ("1100 0001 rrrr ssss tttt 0000", "mul16u {=r}, {s}, {t}", ""),
    ("1101 0001 rrrr ssss tttt 0000", "mul16s {=r}, {s}, {t}", ""),
    ("0000 0010 rrrr ssss tttt 0000", "andb {br}, {bs}, {bt}", ""),
    ("0001 0010 rrrr ssss tttt 0000", "andbc {br}, {bs}, {bt}", ""),
    ("0010 0010 rrrr ssss tttt 0000", "orb {br}, {bs}, {bt}", ""),
    ("0011 0010 rrrr ssss tttt 0000", "orbc {br}, {bs}, {bt}", ""),
    ("0100 0010 rrrr ssss tttt 0000", "xorb {br}, {bs}, {bt}", ""),
    ("1000 0010 rrrr ssss tttt 0000", "mull {=r}, {s}, {t}", ""),
    ("1010 0010 rrrr ssss tttt 0000", "muluh {=r}, {s}, {t}", ""),
    ("1011 0010 rrrr ssss tttt 0000", "mulsh {=r}, {s}, {t}", ""),
    ("1100 0010 rrrr ssss tttt 0000", "quou {=r}, {s}, {t}", ""),
    ("1101 0010 rrrr ssss tttt 0000", "quos {=r}, {s}, {t}", ""),
    ("1110 0010 rrrr ssss tttt 0000", "remu {=r}, {s}, {t}", ""),
    ("1111 0010 rrrr ssss tttt 0000", "rems {=r}, {s}, {t}", ""),
    ("0000 0011 rrrr ssss tttt 0000", "rsr.{sr} {=t}", ""),
    ("0001 0011 rrrr ssss tttt 0000", "wsr.{sr} {t}", ""),
    ("0010 0011 rrrr ssss tttt 0000", "sext {=r}, {s}, {t7}", ""),
    ("0011 0011 rrrr ssss tttt 0000", "clamps {=r}, {s}, {t7}", ""),
    ("0100 0011 rrrr ssss tttt 0000", "min {=r}, {s}, {t}", ""),
    ("0101 0011 rrrr ssss tttt 0000", "max {=r}, {s}, {t}", ""),
    ("0110 0011 rrrr ssss tttt 0000", "minu {=r}, {s}, {t}", ""),
    ("0111 0011 rrrr ssss tttt 0000", "maxu {=r}, {s}, {t}", ""),
    ("1000 0011 rrrr ssss tttt 0000", "moveqz {=r}, {s}, {t}", ""),
    ("1001 0011 rrrr ssss tttt 0000", "movnez {=r}, {s}, {t}", ""),
    ("1010 0011 rrrr ssss tttt 0000", "movltz {=r}, {s}, {t}", ""),
    ("1011 0011 rrrr ssss tttt 0000", "movgez {=r}, {s}, {t}", ""),
    ("1100 0011 rrrr ssss tttt 0000", "movf {=r}, {s}, {bt}", ""),
    ("1101 0011 rrrr ssss tttt 0000", "movt {=r}, {s}, {bt}", ""),
    ("1110 0011 rrrr ssss tttt 0000", "rur.{ur} {=r}", ""),
    ("1111 0011 rrrr ssss tttt 0000", "wur.{wur} {t}", ""),
    ("oooo 010x rrrr ssss tttt 0000", "extui {=r}, {t}, {xs}, {o1}", ""),
    ("0000 1000 rrrr ssss tttt 0000", "lsx {=fr}, {s}, {t}", "load:4 s+t"),
    ("0001 1000 rrrr ssss tttt 0000", "lsxu {=fr}, {+s}, {t}", ""),
    ("0100 1000 rrrr ssss tttt 0000", "ssx {fr}, {s}, {t}", "store:4 s+t"),
    ("0101 1000 rrrr ssss tttt 0000", "ssxu {fr}, {+s}, {t}", ""),
    ("0000 1001 rrrr ssss tttt 0000", "l32e {=t}, {s}, {e}", "load:4 s+e"),
    ("0100 1001 rrrr ssss tttt 0000", "s32e {t}, {s}, {e}", "store:4 s+e"),
    ("0000 1010 rrrr ssss tttt 0000", "add.s {=fr}, {fs}, {ft}", ""),
    ("0001 1010 rrrr ssss tttt 0000", "sub.s {=fr}, {fs}, {ft}", ""),
    ("0010 1010 rrrr ssss tttt 0000", "mul.s {=fr}, {fs}, {ft}", ""),
    ("0100 1010 rrrr ssss tttt 0000", "madd.s {+fr}, {fs}, {ft}", ""),
    ("0101 1010 rrrr ssss tttt 0000", "msub.s {+fr}, {fs}, {ft}", ""),
    ("0110 1010 rrrr ssss tttt 0000", "maddn.s {+fr}, {fs}, {ft}", ""),
    ("0111 1010 rrrr ssss tttt 0000", "divn.s {+fr}, {fs}, {ft}", ""),
    ("1000 1010 rrrr ssss tttt 0000", "round.s {=r}, {fs}, {tn}", ""),
    ("1001 1010 rrrr ssss tttt 0000", "trunc.s {=r}, {fs}, {tn}", ""),
    ("1010 1010 rrrr ssss tttt 0000", "floor.s {=r}, {fs}, {tn}", ""),
    ("1011 1010 rrrr ssss tttt 0000", "ceil.s {=r}, {fs}, {tn}", ""),
    ("1110 1010 rrrr ssss tttt 0000", "utrunc.s {=r}, {fs}, {tn}", ""),
    ("1100 1010 rrrr ssss tttt 0000", "float.s {=fr}, {s}, {tn}", ""),
    ("1101 1010 rrrr ssss tttt 0000", "ufloat.s {=fr}, {s}, {tn}", ""),
    ("1111 1010 rrrr ssss 0011 0000", "const.s {=fr}, {sn}", ""),
    ("1111 1010 rrrr ssss 0100 0000", "rfr {=r}, {fs}", ""),
    ("1111 1010 rrrr ssss 0101 0000", "wfr {=fr}, {s}", ""),
    ("1111 1010 rrrr ssss 0000 0000", "mov.s {=fr}, {fs}", ""),
    ("1111 1010 rrrr ssss 0001 0000", "abs.s {=fr}, {fs}", ""),
    ("1111 1010 rrrr ssss 0110 0000", "neg.s {=fr}, {fs}", ""),
    ("1111 1010 rrrr ssss 0111 0000", "div0.s {=fr}, {fs}", ""),
    ("1111 1010 rrrr ssss 1000 0000", "recip0.s {=fr}, {fs}", ""),
    ("1111 1010 rrrr ssss 1001 0000", "sqrt0.s {=fr}, {fs}", ""),
    ("1111 1010 rrrr ssss 1010 0000", "rsqrt0.s {=fr}, {fs}", ""),
    ("1111 1010 rrrr ssss 1011 0000", "nexp01.s {=fr}, {fs}", ""),
    ("1111 1010 rrrr ssss 1100 0000", "mksadj.s {=fr}, {fs}", ""),
    ("1111 1010 rrrr ssss 1101 0000", "mkdadj.s {=fr}, {fs}", ""),
    ("1111 1010 rrrr ssss 1110 0000", "addexp.s {+fr}, {fs}", ""),
    ("1111 1010 rrrr ssss 1111 0000", "addexpm.s {+fr}, {fs}", ""),
    ("0001 1011 rrrr ssss tttt 0000", "un.s {br}, {fs}, {ft}", ""),
    ("0010 1011 rrrr ssss tttt 0000", "oeq.s {br}, {fs}, {ft}", ""),
    ("0011 1011 rrrr ssss tttt 0000", "ueq.s {br}, {fs}, {ft}", ""),
    ("0100 1011 rrrr ssss tttt 0000", "olt.s {br}, {fs}, {ft}", ""),
    ("0101 1011 rrrr ssss tttt 0000", "ult.s {br}, {fs}, {ft}", ""),
    ("0110 1011 rrrr ssss tttt 0000", "ole.s {br}, {fs}, {ft}", ""),
    ("0111 1011 rrrr ssss tttt 0000", "ule.s {br}, {fs}, {ft}", ""),
    ("1000 1011 rrrr ssss tttt 0000", "moveqz.s {=fr}, {fs}, {t}", ""),
    ("1001 1011 rrrr ssss tttt 0000", "movnez.s {=fr}, {fs}, {t}", ""),
    ("1010 1011 rrrr ssss tttt 0000", "movltz.s {=fr}, {fs}, {t}", ""),
    ("1011 1011 rrrr ssss tttt 0000", "movgez.s {=fr}, {fs}, {t}", ""),
    ("1100 1011 rrrr ssss tttt 0000", "movf.s {=fr}, {fs}, {bt}", ""),
    ("1101 1011 rrrr ssss tttt 0000", "movt.s {=fr}, {fs}, {bt}", ""),
    ("iiiiiiiiiiiiiiii tttt 0001", "l32r {=t}, {l32r}", "load:4 l32r"),
    ("iiiiiiii 0000 ssss tttt 0010", "l8ui {=t}, {s}, {i}", "load:1 s+i"),
    ("iiiiiiii 0001 ssss tttt 0010", "l16ui {=t}, {s}, {i2}", "load:2 s+i2"),
    ("iiiiiiii 0010 ssss tttt 0010", "l32i {=t}, {s}, {i4}", "load:4 s+i4"),
    ("iiiiiiii 0100 ssss tttt 0010", "s8i {t}, {s}, {i}", "store:1 s+i"),
    ("iiiiiiii 0101 ssss tttt 0010", "s16i {t}, {s}, {i2}", "store:2 s+i2"),
    ("iiiiiiii 0110 ssss tttt 0010", "s32i {t}, {s}, {i4}", "store:4 s+i4"),
    ("iiiiiiii 1001 ssss tttt 0010", "l16si {=t}, {s}, {i2}", "load:2 s+i2"),
    ("iiiiiiii 1011 ssss tttt 0010", "l32ai {=t}, {s}, {i4}", "load:4 s+i4"),
    ("iiiiiiii 1110 ssss tttt 0010", "s32c1i {+t}, {s}, {i4}", "swap:4 s+i4"),
    ("iiiiiiii 1111 ssss tttt 0010", "s32ri {t}, {s}, {i4}", "store:4 s+i4"),
    ("iiiiiiii 0111 ssss 0000 0010", "dpfr {s}, {i4}", ""),
    ("iiiiiiii 0111 ssss 0001 0010", "dpfw {s}, {i4}", ""),
    ("iiiiiiii 0111 ssss 0010 0010", "dpfro {s}, {i4}", ""),
    ("iiiiiiii 0111 ssss 0011 0010", "dpfwo {s}, {i4}", ""),
    ("iiiiiiii 0111 ssss 0100 0010", "dhwb {s}, {i4}", ""),
    ("iiiiiiii 0111 ssss 0101 0010", "dhwbi {s}, {i4}", ""),
    ("iiiiiiii 0111 ssss 0110 0010", "dhi {s}, {i4}", ""),
    ("iiiiiiii 0111 ssss 0111 0010", "dii {s}, {i4}", ""),
    ("iiiiiiii 0111 ssss 1100 0010", "ipf {s}, {i4}", ""),
    ("iiiiiiii 0111 ssss 1110 0010", "ihi {s}, {i4}", ""),
    ("iiiiiiii 0111 ssss 1111 0010", "iii {s}, {i4}", ""),
    ("iiiiiiii 1010 ssss tttt 0010", "movi {=t}, {movi}", ""),
    ("iiiiiiii 1100 ssss tttt 0010", "addi {=t}, {s}, {is}", ""),
    ("iiiiiiii 1101 ssss tttt 0010", "addmi {=t}, {s}, {is8}", ""),
    ("iiiiiiii 0000 ssss tttt 0011", "lsi {=ft}, {s}, {i4}", "load:4 s+i4"),
    ("iiiiiiii 0100 ssss tttt 0011", "ssi {ft}, {s}, {i4}", "store:4 s+i4"),
    ("iiiiiiii 1000 ssss tttt 0011", "lsiu {=ft}, {+s}, {i4}", ""),
    ("iiiiiiii 1100 ssss tttt 0011", "ssiu {ft}, {+s}, {i4}", ""),
    ("iiiiiiiiiiiiiiiiii 00 0101", "call0 {call}", "call writes:a0"),
    ("iiiiiiiiiiiiiiiiii 01 0101", "call4 {call}", "call writes:a4"),
    ("iiiiiiiiiiiiiiiiii 10 0101", "call8 {call}", "call writes:a8"),
    ("iiiiiiiiiiiiiiiiii 11 0101", "call12 {call}", "call writes:a12"),
    ("iiiiiiiiiiiiiiiiii 00 0110", "j {j}", "jump"),
    ("iiiiiiiiiiii ssss 00 01 0110", "beqz {s}, {j}", "branch"),
    ("iiiiiiiiiiii ssss 01 01 0110", "bnez {s}, {j}", "branch"),
    ("iiiiiiiiiiii ssss 10 01 0110", "bltz {s}, {j}", "branch"),
    ("iiiiiiiiiiii ssss 11 01 0110", "bgez {s}, {j}", "branch"),
    ("iiiiiiii cccc ssss 00 10 0110", "beqi {s}, {b4}, {j}", "branch"),
    ("iiiiiiii cccc ssss 01 10 0110", "bnei {s}, {b4}, {j}", "branch"),
    ("iiiiiiii cccc ssss 10 10 0110", "blti {s}, {b4}, {j}", "branch"),
    ("iiiiiiii cccc ssss 11 10 0110", "bgei {s}, {b4}, {j}", "branch"),
    ("iiiiiiiiiiii ssss 00 11 0110", "entry {+s}, {i8}", ""),
    ("iiiiiiii 0000 ssss 01 11 0110", "bf {bs}, {j}", "branch"),
    ("iiiiiiii 0001 ssss 01 11 0110", "bt {bs}, {j}", "branch"),
    ("iiiiiiii 1000 ssss 01 11 0110", "loop {s}, {loop}", ""),
    ("iiiiiiii 1001 ssss 01 11 0110", "loopnez {s}, {loop}", ""),
    ("iiiiiiii 1010 ssss 01 11 0110", "loopgtz {s}, {loop}", ""),
    ("iiiiiiii cccc ssss 10 11 0110", "bltui {s}, {b4u}, {j}", "branch"),
    ("iiiiiiii cccc ssss 11 11 0110", "bgeui {s}, {b4u}, {j}", "branch"),
    ("iiiiiiii 0000 ssss tttt 0111", "bnone {s}, {t}, {j}", "branch"),
    ("iiiiiiii 0001 ssss tttt 0111", "beq {s}, {t}, {j}", "branch"),
    ("iiiiiiii 0010 ssss tttt 0111", "blt {s}, {t}, {j}", "branch"),
    ("iiiiiiii 0011 ssss tttt 0111", "bltu {s}, {t}, {j}", "branch"),
    ("iiiiiiii 0100 ssss tttt 0111", "ball {s}, {t}, {j}", "branch"),
    ("iiiiiiii 0101 ssss tttt 0111", "bbc {s}, {t}, {j}", "branch"),
    ("iiiiiiii 1000 ssss tttt 0111", "bany {s}, {t}, {j}", "branch"),
    ("iiiiiiii 1001 ssss tttt 0111", "bne {s}, {t}, {j}", "branch"),
    ("iiiiiiii 1010 ssss tttt 0111", "bge {s}, {t}, {j}", "branch"),
    ("iiiiiiii 1011 ssss tttt 0111", "bgeu {s}, {t}, {j}", "branch"),
    ("iiiiiiii 1100 ssss tttt 0111", "bnall {s}, {t}, {j}", "branch"),
    ("iiiiiiii 1101 ssss tttt 0111", "bbs {s}, {t}, {j}", "branch"),
    ("iiiiiiii 011x ssss tttt 0111", "bbci {s}, {xt}, {j}", "branch"),
    ("iiiiiiii 111x ssss tttt 0111", "bbsi {s}, {xt}, {j}", "branch"),
    ("0111 0000 0000 ssss tttt 0100", "umul.aa.ll {s}, {t}", ""),
    ("0111 0100 0000 ssss tttt 0100", "mul.aa.ll {s}, {t}", ""),
    ("0111 1000 0000 ssss tttt 0100", "mula.aa.ll {s}, {t}", ""),
    ("0111 1100 0000 ssss tttt 0100", "muls.aa.ll {s}, {t}", ""),
    ("0111 0001 0000 ssss tttt 0100", "umul.aa.hl {s}, {t}", ""),
    ("0111 0101 0000 ssss tttt 0100", "mul.aa.hl {s}, {t}", ""),
    ("0111 1001 0000 ssss tttt 0100", "mula.aa.hl {s}, {t}", ""),
    ("0111 1101 0000 ssss tttt 0100", "muls.aa.hl {s}, {t}", ""),
    ("0111 0010 0000 ssss tttt 0100", "umul.aa.lh {s}, {t}", ""),
    ("0111 0110 0000 ssss tttt 0100", "mul.aa.lh {s}, {t}", ""),
    ("0111 1010 0000 ssss tttt 0100", "mula.aa.lh {s}, {t}", ""),
    ("0111 1110 0000 ssss tttt 0100", "muls.aa.lh {s}, {t}", ""),
    ("0111 0011 0000 ssss tttt 0100", "umul.aa.hh {s}, {t}", ""),
    ("0111 0111 0000 ssss tttt 0100", "mul.aa.hh {s}, {t}", ""),
    ("0111 1011 0000 ssss tttt 0100", "mula.aa.hh {s}, {t}", ""),
    ("0111 1111 0000 ssss tttt 0100", "muls.aa.hh {s}, {t}", ""),
];

#[rustfmt::skip] // One row, one line.
static SHORT_ROWS: &[Row] = &[
    ("rrrr ssss tttt 1000", "l32i.n {=t}, {s}, {r4}", "load:4 s+r4"),
    ("rrrr ssss tttt 1001", "s32i.n {t}, {s}, {r4}", "store:4 s+r4"),
    ("rrrr ssss tttt 1010", "add.n {=r}, {s}, {t}", ""),
    ("rrrr ssss tttt 1011", "addi.n {=r}, {s}, {addin}", ""),
    ("rrrr ssss 0ttt 1100", "movi.n {=s}, {movin}", ""),
    ("rrrr ssss 10tt 1100", "beqz.n {s}, {jn}", "branch"),
    ("rrrr ssss 11tt 1100", "bnez.n {s}, {jn}", "branch"),
    ("0000 ssss tttt 1101", "mov.n {=t}, {s}", ""),
    ("1111 0000 0000 1101", "ret.n", "return reads:a0"),
    ("1111 0000 0001 1101", "retw.n", "return reads:a0"),
    ("1111 ssss 0010 1101", "break.n {sn}", "trap"),
    ("1111 0000 0011 1101", "nop.n", ""),
    ("1111 0000 0110 1101", "ill.n", "trap"),
];

/// Decodes the instruction that `bytes` begin with.
pub(super) fn decode(bytes: &[u8], addr: u64) -> Option<Instruction> {
    static LONG: OnceLock<Table> = OnceLock::new();
    static SHORT: OnceLock<Table> = OnceLock::new();
    let first = *bytes.first()?;
    // Density: op0 from 8 to 13. Above that there are extensions of chips.
    match first & 0xf {
        0..8 => {
            let code = u32::from_le_bytes([first, *bytes.get(1)?, *bytes.get(2)?, 0]);
            LONG.get_or_init(|| Table::new(&[ROWS])).decode(code, 3, addr, &operand)
        }
        8..14 => {
            let code = u16::from_le_bytes([first, *bytes.get(1)?]).into();
            SHORT.get_or_init(|| Table::new(&[SHORT_ROWS])).decode(code, 2, addr, &operand)
        }
        _ => None,
    }
}

fn operand(key: &str, word: &Word<'_>) -> Option<Operand> {
    // Decimal as long as it is short.
    let number = |value: i64| match value {
        -255..=255 => Operand::number(value),
        _ => Some(Operand::Number(value, format!("{:#x}", value as u32))),
    };
    let booleans = |count: u32| {
        let first = Some(word.field(b's')).filter(|first| first % count == 0)?;
        let names: Vec<String> = (first..first + count).map(|n| format!("b{n}")).collect();
        Operand::text(names.join(":"))
    };
    let field = |letter: u8| i64::from(word.field(letter));
    let from =
        |prefix: char, letter: u8| Operand::register(format!("{prefix}{}", word.field(letter)));
    let place = |addr: u64| Some(Operand::Address(addr & 0xffff_ffff));
    let next = word.addr.wrapping_add(4);
    match key {
        "r" | "s" | "t" => from('a', *key.as_bytes().first()?),
        "fr" => from('f', b'r'),
        "fs" => from('f', b's'),
        "ft" => from('f', b't'),
        "br" => from('b', b'r'),
        "bs4" => booleans(4),
        "bs8" => booleans(8),
        "bs" => from('b', b's'),
        "bt" => from('b', b't'),
        "sn" => number(field(b's')),
        "tn" => number(field(b't')),
        "t7" => number(field(b't') + 7),
        "o1" => number(field(b'o') + 1),
        // Shifts with their highest bit in another field.
        "xs" => number(field(b'x') << 4 | field(b's')),
        "xt" => number(field(b'x') << 4 | field(b't')),
        "ssai" => number(field(b'x') << 4 | field(b's')),
        "slli" => number(32 - (field(b'x') << 4 | field(b't'))),
        "rotw" => number(word.signed(b't')),
        "e" => number((field(b'r') - 16) * 4),
        "i" => number(field(b'i')),
        "i2" => number(field(b'i') * 2),
        "i4" => number(field(b'i') * 4),
        "i8" => number(field(b'i') * 8),
        "is" => number(word.signed(b'i')),
        "is8" => number(word.signed(b'i') * 256),
        "movi" => number(word.joined_signed(&[(8, 4), (16, 8)])),
        "r4" => number(field(b'r') * 4),
        "addin" => number(if field(b't') == 0 { -1 } else { field(b't') }),
        "movin" => {
            let value = field(b't') << 4 | field(b'r');
            number(if value >= 96 { value - 128 } else { value })
        }
        "l32r" => place(
            (word.addr.wrapping_add(3) & !3).wrapping_add_signed((field(b'i') - 0x1_0000) * 4),
        ),
        "call" => {
            place((word.addr & !3).wrapping_add(4).wrapping_add_signed(word.signed(b'i') * 4))
        }
        "j" => place(next.wrapping_add_signed(word.signed(b'i'))),
        "jn" => place(next.wrapping_add((field(b't') << 4 | field(b'r')) as u64)),
        "loop" => place(next.wrapping_add(field(b'i') as u64)),
        "b4" => number(*CONSTANTS.get(word.field(b'c') as usize)?),
        "b4u" => number(match word.field(b'c') {
            0 => 0x8000,
            1 => 0x1_0000,
            n => *CONSTANTS.get(n as usize)?,
        }),
        "sr" => Operand::text(special(word.bits(8, 8))?),
        "ur" => Operand::text(user(word.bits(4, 8))),
        "wur" => Operand::text(user(word.bits(8, 8))),
        _ => None,
    }
}

/// B4CONST.
static CONSTANTS: [i64; 16] = [-1, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 32, 64, 128, 256];

/// User registers.
fn user(number: u32) -> String {
    match number {
        231 => "threadptr".into(),
        232 => "fcr".into(),
        233 => "fsr".into(),
        234 => "f64r_lo".into(),
        235 => "f64r_hi".into(),
        236 => "f64s".into(),
        0 => "expstate".into(),
        other => format!("ur{other}"),
    }
}

/// Special registers.
fn special(number: u32) -> Option<String> {
    #[rustfmt::skip]
    static NAMED: &[(u32, &str)] = &[
        (0, "lbeg"), (1, "lend"), (2, "lcount"), (3, "sar"), (4, "br"), (5, "litbase"), (12, "scompare1"),
        (16, "acclo"), (17, "acchi"), (32, "m0"), (33, "m1"), (34, "m2"), (35, "m3"), (72, "windowbase"),
        (73, "windowstart"), (83, "ptevaddr"), (89, "mmid"), (90, "rasid"), (91, "itlbcfg"), (92, "dtlbcfg"),
        (96, "ibreakenable"), (97, "memctl"), (98, "cacheattr"), (99, "atomctl"), (104, "ddr"), (106, "mepc"),
        (107, "meps"), (108, "mesave"), (109, "mesr"), (110, "mecr"), (111, "mevaddr"), (128, "ibreaka0"),
        (129, "ibreaka1"), (144, "dbreaka0"), (145, "dbreaka1"), (160, "dbreakc0"), (161, "dbreakc1"),
        (176, "configid0"), (208, "configid1"), (192, "depc"), (224, "cpenable"), (226, "interrupt"), (227, "intclear"),
        (228, "intenable"), (230, "ps"), (231, "vecbase"), (232, "exccause"), (233, "debugcause"), (234, "ccount"),
        (235, "prid"), (236, "icount"), (237, "icountlevel"), (238, "excvaddr"), (240, "ccompare0"),
        (241, "ccompare1"), (242, "ccompare2"),
    ];
    if let Some((_, name)) = NAMED.iter().find(|(n, _)| *n == number) {
        return Some((*name).to_string());
    }
    Some(match number {
        177..=183 => format!("epc{}", number - 176),
        194..=199 => format!("eps{}", number - 192),
        209..=215 => format!("excsave{}", number - 208),
        244..=247 => format!("misc{}", number - 244),
        _ => return None,
    })
}
