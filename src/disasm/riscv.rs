//! RISC-V: RV32 and RV64 with M, A, F, D, C, Zba, Zbb, Zbs, Zicsr and Zifencei.
//!
//! Sources: RISC-V unprivileged ISA 20191213, chapters 2 to 12, 16 and 24; bit manipulation 1.0.0; privileged ISA
//! 20211203, chapter 2 (CSRs) and 3.3. The short names (`li`, `mv`, `ret`) are those of the assembly programmer's
//! manual, chapter "pseudoinstructions".

use super::Instruction;
use super::pattern::{Operand, Row, Table, Word};
use std::sync::OnceLock;

static NAMES: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4",
    "a5", "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4",
    "t5", "t6",
];

static FLOATS: [&str; 32] = [
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2",
    "fa3", "fa4", "fa5", "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9",
    "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
];

/// Instructions of 32 bits that both widths have.
#[rustfmt::skip] // One row, one line.
static ROWS: &[Row] = &[
    ("0000000 00000 00000 000 00000 0010011", "nop", ""),
    ("............ 00000 000 ddddd 0010011", "li {=d},{I}", ""),
    ("000000000000 sssss 000 ddddd 0010011", "mv {=d},{s}", ""),
    ("............ sssss 000 ddddd 0010011", "add {=d},{s},{I}", ""),
    ("............ sssss 010 ddddd 0010011", "slti {=d},{s},{I}", ""),
    ("000000000001 sssss 011 ddddd 0010011", "seqz {=d},{s}", ""),
    ("............ sssss 011 ddddd 0010011", "sltiu {=d},{s},{I}", ""),
    ("111111111111 sssss 100 ddddd 0010011", "not {=d},{s}", ""),
    ("............ sssss 100 ddddd 0010011", "xor {=d},{s},{I}", ""),
    ("............ sssss 110 ddddd 0010011", "or {=d},{s},{I}", ""),
    ("000011111111 sssss 111 ddddd 0010011", "zext.b {=d},{s}", ""),
    ("............ sssss 111 ddddd 0010011", "and {=d},{s},{I}", ""),
    ("000000 hhhhhh sssss 001 ddddd 0010011", "sll {=d},{s},{h}", ""),
    ("000000 hhhhhh sssss 101 ddddd 0010011", "srl {=d},{s},{h}", ""),
    ("010000 hhhhhh sssss 101 ddddd 0010011", "sra {=d},{s},{h}", ""),
    (".................... ddddd 0110111", "lui {=d},{U}", ""),
    (".................... ddddd 0010111", "auipc {=d},{U}", ""),
    ("0000000 ttttt sssss 000 ddddd 0110011", "add {=d},{s},{t}", ""),
    ("0100000 ttttt 00000 000 ddddd 0110011", "neg {=d},{t}", ""),
    ("0100000 ttttt sssss 000 ddddd 0110011", "sub {=d},{s},{t}", ""),
    ("0000000 ttttt sssss 001 ddddd 0110011", "sll {=d},{s},{t}", ""),
    ("0000000 00000 sssss 010 ddddd 0110011", "sltz {=d},{s}", ""),
    ("0000000 ttttt 00000 010 ddddd 0110011", "sgtz {=d},{t}", ""),
    ("0000000 ttttt sssss 010 ddddd 0110011", "slt {=d},{s},{t}", ""),
    ("0000000 ttttt 00000 011 ddddd 0110011", "snez {=d},{t}", ""),
    ("0000000 ttttt sssss 011 ddddd 0110011", "sltu {=d},{s},{t}", ""),
    ("0000000 ttttt sssss 100 ddddd 0110011", "xor {=d},{s},{t}", ""),
    ("0000000 ttttt sssss 101 ddddd 0110011", "srl {=d},{s},{t}", ""),
    ("0100000 ttttt sssss 101 ddddd 0110011", "sra {=d},{s},{t}", ""),
    ("0000000 ttttt sssss 110 ddddd 0110011", "or {=d},{s},{t}", ""),
    ("0000000 ttttt sssss 111 ddddd 0110011", "and {=d},{s},{t}", ""),
    // Loads and stores.
    ("............ sssss 000 ddddd 0000011", "lb {=d},{I}({s})", "load:1 s+I"),
    ("............ sssss 001 ddddd 0000011", "lh {=d},{I}({s})", "load:2 s+I"),
    ("............ sssss 010 ddddd 0000011", "lw {=d},{I}({s})", "load:4 s+I"),
    ("............ sssss 100 ddddd 0000011", "lbu {=d},{I}({s})", "load:1 s+I"),
    ("............ sssss 101 ddddd 0000011", "lhu {=d},{I}({s})", "load:2 s+I"),
    ("....... ttttt sssss 000 ..... 0100011", "sb {t},{S}({s})", "store:1 s+S"),
    ("....... ttttt sssss 001 ..... 0100011", "sh {t},{S}({s})", "store:2 s+S"),
    ("....... ttttt sssss 010 ..... 0100011", "sw {t},{S}({s})", "store:4 s+S"),
    ("............ sssss 010 ddddd 0000111", "flw {=fd},{I}({s})", "load:4 s+I"),
    ("............ sssss 011 ddddd 0000111", "fld {=fd},{I}({s})", "load:8 s+I"),
    ("....... ttttt sssss 010 ..... 0100111", "fsw {ft},{S}({s})", "store:4 s+S"),
    ("....... ttttt sssss 011 ..... 0100111", "fsd {ft},{S}({s})", "store:8 s+S"),
    // Jumps.
    ("....... 00000 sssss 000 ..... 1100011", "beqz {s},{B}", "branch"),
    ("....... ttttt sssss 000 ..... 1100011", "beq {s},{t},{B}", "branch"),
    ("....... 00000 sssss 001 ..... 1100011", "bnez {s},{B}", "branch"),
    ("....... ttttt sssss 001 ..... 1100011", "bne {s},{t},{B}", "branch"),
    ("....... 00000 sssss 100 ..... 1100011", "bltz {s},{B}", "branch"),
    ("....... ttttt 00000 100 ..... 1100011", "bgtz {t},{B}", "branch"),
    ("....... ttttt sssss 100 ..... 1100011", "blt {s},{t},{B}", "branch"),
    ("....... 00000 sssss 101 ..... 1100011", "bgez {s},{B}", "branch"),
    ("....... ttttt 00000 101 ..... 1100011", "blez {t},{B}", "branch"),
    ("....... ttttt sssss 101 ..... 1100011", "bge {s},{t},{B}", "branch"),
    ("....... ttttt sssss 110 ..... 1100011", "bltu {s},{t},{B}", "branch"),
    ("....... ttttt sssss 111 ..... 1100011", "bgeu {s},{t},{B}", "branch"),
    (".................... 00000 1101111", "j {J}", "jump"),
    (".................... 00001 1101111", "jal {J}", "call writes:ra"),
    (".................... ddddd 1101111", "jal {=d},{J}", "call"),
    ("000000000000 00001 000 00000 1100111", "ret", "return reads:ra"),
    ("000000000000 sssss 000 00000 1100111", "jr {s}", "jump"),
    ("............ sssss 000 00000 1100111", "jr {I}({s})", "jump"),
    ("000000000000 sssss 000 00001 1100111", "jalr {s}", "call writes:ra"),
    ("............ sssss 000 00001 1100111", "jalr {I}({s})", "call writes:ra"),
    ("000000000000 sssss 000 ddddd 1100111", "jalr {=d},{s}", "call"),
    ("............ sssss 000 ddddd 1100111", "jalr {=d},{I}({s})", "call"),
    // System.
    ("000011111111 00000 000 00000 0001111", "fence", ""),
    ("100000110011 00000 000 00000 0001111", "fence.tso", ""),
    ("000000010000 00000 000 00000 0001111", "pause", ""),
    ("0000 aaaa bbbb 00000 000 00000 0001111", "fence {fa},{fb}", ""),
    ("000000000000 00000 001 00000 0001111", "fence.i", ""),
    ("000000000000 00000 000 00000 1110011", "ecall", "trap"),
    ("000000000001 00000 000 00000 1110011", "ebreak", "trap"),
    ("001100000010 00000 000 00000 1110011", "mret", "return"),
    ("000100000010 00000 000 00000 1110011", "sret", "return"),
    ("011110110010 00000 000 00000 1110011", "dret", "return"),
    ("000100000101 00000 000 00000 1110011", "wfi", ""),
    ("000100100000 00000 000 00000 1110011", "sfence.vma", ""),
    ("000100100000 sssss 000 00000 1110011", "sfence.vma {s}", ""),
    ("0001001 ttttt sssss 000 00000 1110011", "sfence.vma {s},{t}", ""),
    ("110000000001 00000 010 ddddd 1110011", "rdtime {=d}", ""),
    ("110000000000 00000 010 ddddd 1110011", "rdcycle {=d}", ""),
    ("110000000010 00000 010 ddddd 1110011", "rdinstret {=d}", ""),
    ("110010000001 00000 010 ddddd 1110011", "rdtimeh {=d}", ""),
    ("110010000000 00000 010 ddddd 1110011", "rdcycleh {=d}", ""),
    ("110010000010 00000 010 ddddd 1110011", "rdinstreth {=d}", ""),
    ("000000000001 00000 010 ddddd 1110011", "frflags {=d}", ""),
    ("000000000010 00000 010 ddddd 1110011", "frrm {=d}", ""),
    ("000000000011 00000 010 ddddd 1110011", "frcsr {=d}", ""),
    ("000000000001 sssss 001 00000 1110011", "fsflags {s}", ""),
    ("000000000001 sssss 001 ddddd 1110011", "fsflags {=d},{s}", ""),
    ("000000000010 sssss 001 00000 1110011", "fsrm {s}", ""),
    ("000000000010 sssss 001 ddddd 1110011", "fsrm {=d},{s}", ""),
    ("000000000011 sssss 001 00000 1110011", "fscsr {s}", ""),
    ("000000000011 sssss 001 ddddd 1110011", "fscsr {=d},{s}", ""),
    ("000000000001 zzzzz 101 00000 1110011", "fsflagsi {z}", ""),
    ("000000000001 zzzzz 101 ddddd 1110011", "fsflagsi {=d},{z}", ""),
    ("000000000010 zzzzz 101 00000 1110011", "fsrmi {z}", ""),
    ("000000000010 zzzzz 101 ddddd 1110011", "fsrmi {=d},{z}", ""),
    ("cccccccccccc 00000 010 ddddd 1110011", "csrr {=d},{c}", ""),
    ("cccccccccccc sssss 001 00000 1110011", "csrw {c},{s}", ""),
    ("cccccccccccc sssss 010 00000 1110011", "csrs {c},{s}", ""),
    ("cccccccccccc sssss 011 00000 1110011", "csrc {c},{s}", ""),
    ("cccccccccccc zzzzz 101 00000 1110011", "csrw {c},{z}", ""),
    ("cccccccccccc zzzzz 110 00000 1110011", "csrs {c},{z}", ""),
    ("cccccccccccc zzzzz 111 00000 1110011", "csrc {c},{z}", ""),
    ("cccccccccccc sssss 001 ddddd 1110011", "csrrw {=d},{c},{s}", ""),
    ("cccccccccccc sssss 010 ddddd 1110011", "csrrs {=d},{c},{s}", ""),
    ("cccccccccccc sssss 011 ddddd 1110011", "csrrc {=d},{c},{s}", ""),
    ("cccccccccccc zzzzz 101 ddddd 1110011", "csrrw {=d},{c},{z}", ""),
    ("cccccccccccc zzzzz 110 ddddd 1110011", "csrrs {=d},{c},{z}", ""),
    ("cccccccccccc zzzzz 111 ddddd 1110011", "csrrc {=d},{c},{z}", ""),
    // M.
    ("0000001 ttttt sssss 000 ddddd 0110011", "mul {=d},{s},{t}", ""),
    ("0000001 ttttt sssss 001 ddddd 0110011", "mulh {=d},{s},{t}", ""),
    ("0000001 ttttt sssss 010 ddddd 0110011", "mulhsu {=d},{s},{t}", ""),
    ("0000001 ttttt sssss 011 ddddd 0110011", "mulhu {=d},{s},{t}", ""),
    ("0000001 ttttt sssss 100 ddddd 0110011", "div {=d},{s},{t}", ""),
    ("0000001 ttttt sssss 101 ddddd 0110011", "divu {=d},{s},{t}", ""),
    ("0000001 ttttt sssss 110 ddddd 0110011", "rem {=d},{s},{t}", ""),
    ("0000001 ttttt sssss 111 ddddd 0110011", "remu {=d},{s},{t}", ""),
    // A, of words.
    ("00010 ar 00000 sssss 010 ddddd 0101111", "lr.w{aq} {=d},({s})", "load:4 s"),
    ("00011 ar ttttt sssss 010 ddddd 0101111", "sc.w{aq} {=d},{t},({s})", "store:4 s"),
    ("00001 ar ttttt sssss 010 ddddd 0101111", "amoswap.w{aq} {=d},{t},({s})", "swap:4 s"),
    ("00000 ar ttttt sssss 010 ddddd 0101111", "amoadd.w{aq} {=d},{t},({s})", "swap:4 s"),
    ("00100 ar ttttt sssss 010 ddddd 0101111", "amoxor.w{aq} {=d},{t},({s})", "swap:4 s"),
    ("01100 ar ttttt sssss 010 ddddd 0101111", "amoand.w{aq} {=d},{t},({s})", "swap:4 s"),
    ("01000 ar ttttt sssss 010 ddddd 0101111", "amoor.w{aq} {=d},{t},({s})", "swap:4 s"),
    ("10000 ar ttttt sssss 010 ddddd 0101111", "amomin.w{aq} {=d},{t},({s})", "swap:4 s"),
    ("10100 ar ttttt sssss 010 ddddd 0101111", "amomax.w{aq} {=d},{t},({s})", "swap:4 s"),
    ("11000 ar ttttt sssss 010 ddddd 0101111", "amominu.w{aq} {=d},{t},({s})", "swap:4 s"),
    ("11100 ar ttttt sssss 010 ddddd 0101111", "amomaxu.w{aq} {=d},{t},({s})", "swap:4 s"),
    // Zba, Zbb, Zbs.
    ("0010000 ttttt sssss 010 ddddd 0110011", "sh1add {=d},{s},{t}", ""),
    ("0010000 ttttt sssss 100 ddddd 0110011", "sh2add {=d},{s},{t}", ""),
    ("0010000 ttttt sssss 110 ddddd 0110011", "sh3add {=d},{s},{t}", ""),
    ("0100000 ttttt sssss 111 ddddd 0110011", "andn {=d},{s},{t}", ""),
    ("0100000 ttttt sssss 110 ddddd 0110011", "orn {=d},{s},{t}", ""),
    ("0100000 ttttt sssss 100 ddddd 0110011", "xnor {=d},{s},{t}", ""),
    ("0110000 00000 sssss 001 ddddd 0010011", "clz {=d},{s}", ""),
    ("0110000 00001 sssss 001 ddddd 0010011", "ctz {=d},{s}", ""),
    ("0110000 00010 sssss 001 ddddd 0010011", "cpop {=d},{s}", ""),
    ("0110000 00100 sssss 001 ddddd 0010011", "sext.b {=d},{s}", ""),
    ("0110000 00101 sssss 001 ddddd 0010011", "sext.h {=d},{s}", ""),
    ("0000101 ttttt sssss 100 ddddd 0110011", "min {=d},{s},{t}", ""),
    ("0000101 ttttt sssss 101 ddddd 0110011", "minu {=d},{s},{t}", ""),
    ("0000101 ttttt sssss 110 ddddd 0110011", "max {=d},{s},{t}", ""),
    ("0000101 ttttt sssss 111 ddddd 0110011", "maxu {=d},{s},{t}", ""),
    ("0110000 ttttt sssss 001 ddddd 0110011", "rol {=d},{s},{t}", ""),
    ("0110000 ttttt sssss 101 ddddd 0110011", "ror {=d},{s},{t}", ""),
    ("011000 hhhhhh sssss 101 ddddd 0010011", "rori {=d},{s},{h}", ""),
    ("001010000111 sssss 101 ddddd 0010011", "orc.b {=d},{s}", ""),
    ("0100100 ttttt sssss 001 ddddd 0110011", "bclr {=d},{s},{t}", ""),
    ("0100100 ttttt sssss 101 ddddd 0110011", "bext {=d},{s},{t}", ""),
    ("0110100 ttttt sssss 001 ddddd 0110011", "binv {=d},{s},{t}", ""),
    ("0010100 ttttt sssss 001 ddddd 0110011", "bset {=d},{s},{t}", ""),
    ("010010 hhhhhh sssss 001 ddddd 0010011", "bclri {=d},{s},{h}", ""),
    ("010010 hhhhhh sssss 101 ddddd 0010011", "bexti {=d},{s},{h}", ""),
    ("011010 hhhhhh sssss 001 ddddd 0010011", "binvi {=d},{s},{h}", ""),
    ("001010 hhhhhh sssss 001 ddddd 0010011", "bseti {=d},{s},{h}", ""),
    // F and D: the field f is the format, 0 for single, 1 for double.
    ("00000 0f ttttt sssss mmm ddddd 1010011", "fadd.{f} {=fd},{fs},{ft}{m}", ""),
    ("00001 0f ttttt sssss mmm ddddd 1010011", "fsub.{f} {=fd},{fs},{ft}{m}", ""),
    ("00010 0f ttttt sssss mmm ddddd 1010011", "fmul.{f} {=fd},{fs},{ft}{m}", ""),
    ("00011 0f ttttt sssss mmm ddddd 1010011", "fdiv.{f} {=fd},{fs},{ft}{m}", ""),
    ("01011 0f 00000 sssss mmm ddddd 1010011", "fsqrt.{f} {=fd},{fs}{m}", ""),
    ("00100 0f ttttt sssss 000 ddddd 1010011", "fmv.{f} {=fd},{fs}{same}", ""),
    ("00100 0f ttttt sssss 001 ddddd 1010011", "fneg.{f} {=fd},{fs}{same}", ""),
    ("00100 0f ttttt sssss 010 ddddd 1010011", "fabs.{f} {=fd},{fs}{same}", ""),
    ("00100 0f ttttt sssss 000 ddddd 1010011", "fsgnj.{f} {=fd},{fs},{ft}", ""),
    ("00100 0f ttttt sssss 001 ddddd 1010011", "fsgnjn.{f} {=fd},{fs},{ft}", ""),
    ("00100 0f ttttt sssss 010 ddddd 1010011", "fsgnjx.{f} {=fd},{fs},{ft}", ""),
    ("00101 0f ttttt sssss 000 ddddd 1010011", "fmin.{f} {=fd},{fs},{ft}", ""),
    ("00101 0f ttttt sssss 001 ddddd 1010011", "fmax.{f} {=fd},{fs},{ft}", ""),
    ("10100 0f ttttt sssss 010 ddddd 1010011", "feq.{f} {=d},{fs},{ft}", ""),
    ("10100 0f ttttt sssss 001 ddddd 1010011", "flt.{f} {=d},{fs},{ft}", ""),
    ("10100 0f ttttt sssss 000 ddddd 1010011", "fle.{f} {=d},{fs},{ft}", ""),
    ("11100 0f 00000 sssss 001 ddddd 1010011", "fclass.{f} {=d},{fs}", ""),
    ("11000 0f 00000 sssss mmm ddddd 1010011", "fcvt.w.{f} {=d},{fs}{m}", ""),
    ("11000 0f 00001 sssss mmm ddddd 1010011", "fcvt.wu.{f} {=d},{fs}{m}", ""),
    ("11010 00 00000 sssss mmm ddddd 1010011", "fcvt.s.w {=fd},{s}{m}", ""),
    ("11010 00 00001 sssss mmm ddddd 1010011", "fcvt.s.wu {=fd},{s}{m}", ""),
    ("11010 01 00000 sssss 000 ddddd 1010011", "fcvt.d.w {=fd},{s}", ""),
    ("11010 01 00001 sssss 000 ddddd 1010011", "fcvt.d.wu {=fd},{s}", ""),
    ("01000 00 00001 sssss mmm ddddd 1010011", "fcvt.s.d {=fd},{fs}{m}", ""),
    ("01000 01 00000 sssss 000 ddddd 1010011", "fcvt.d.s {=fd},{fs}", ""),
    ("11100 00 00000 sssss 000 ddddd 1010011", "fmv.x.w {=d},{fs}", ""),
    ("11110 00 00000 sssss 000 ddddd 1010011", "fmv.w.x {=fd},{s}", ""),
    ("rrrrr 0f ttttt sssss mmm ddddd 1000011", "fmadd.{f} {=fd},{fs},{ft},{fr}{m}", ""),
    ("rrrrr 0f ttttt sssss mmm ddddd 1000111", "fmsub.{f} {=fd},{fs},{ft},{fr}{m}", ""),
    ("rrrrr 0f ttttt sssss mmm ddddd 1001011", "fnmsub.{f} {=fd},{fs},{ft},{fr}{m}", ""),
    ("rrrrr 0f ttttt sssss mmm ddddd 1001111", "fnmadd.{f} {=fd},{fs},{ft},{fr}{m}", ""),
];

/// Of RV32 alone.
#[rustfmt::skip] // One row, one line.
static ROWS_32: &[Row] = &[
    ("0000100 00000 sssss 100 ddddd 0110011", "zext.h {=d},{s}", ""),
    ("011010011000 sssss 101 ddddd 0010011", "rev8 {=d},{s}", ""),
];

/// Of RV64 alone.
#[rustfmt::skip] // One row, one line.
static ROWS_64: &[Row] = &[
    ("000000000000 sssss 000 ddddd 0011011", "sext.w {=d},{s}", ""),
    ("............ sssss 000 ddddd 0011011", "addw {=d},{s},{I}", ""),
    ("0000000 hhhhh sssss 001 ddddd 0011011", "sllw {=d},{s},{h}", ""),
    ("0000000 hhhhh sssss 101 ddddd 0011011", "srlw {=d},{s},{h}", ""),
    ("0100000 hhhhh sssss 101 ddddd 0011011", "sraw {=d},{s},{h}", ""),
    ("0000000 ttttt sssss 000 ddddd 0111011", "addw {=d},{s},{t}", ""),
    ("0100000 ttttt 00000 000 ddddd 0111011", "negw {=d},{t}", ""),
    ("0100000 ttttt sssss 000 ddddd 0111011", "subw {=d},{s},{t}", ""),
    ("0000000 ttttt sssss 001 ddddd 0111011", "sllw {=d},{s},{t}", ""),
    ("0000000 ttttt sssss 101 ddddd 0111011", "srlw {=d},{s},{t}", ""),
    ("0100000 ttttt sssss 101 ddddd 0111011", "sraw {=d},{s},{t}", ""),
    ("0000001 ttttt sssss 000 ddddd 0111011", "mulw {=d},{s},{t}", ""),
    ("0000001 ttttt sssss 100 ddddd 0111011", "divw {=d},{s},{t}", ""),
    ("0000001 ttttt sssss 101 ddddd 0111011", "divuw {=d},{s},{t}", ""),
    ("0000001 ttttt sssss 110 ddddd 0111011", "remw {=d},{s},{t}", ""),
    ("0000001 ttttt sssss 111 ddddd 0111011", "remuw {=d},{s},{t}", ""),
    ("............ sssss 011 ddddd 0000011", "ld {=d},{I}({s})", "load:8 s+I"),
    ("............ sssss 110 ddddd 0000011", "lwu {=d},{I}({s})", "load:4 s+I"),
    ("....... ttttt sssss 011 ..... 0100011", "sd {t},{S}({s})", "store:8 s+S"),
    ("00010 ar 00000 sssss 011 ddddd 0101111", "lr.d{aq} {=d},({s})", "load:8 s"),
    ("00011 ar ttttt sssss 011 ddddd 0101111", "sc.d{aq} {=d},{t},({s})", "store:8 s"),
    ("00001 ar ttttt sssss 011 ddddd 0101111", "amoswap.d{aq} {=d},{t},({s})", "swap:8 s"),
    ("00000 ar ttttt sssss 011 ddddd 0101111", "amoadd.d{aq} {=d},{t},({s})", "swap:8 s"),
    ("00100 ar ttttt sssss 011 ddddd 0101111", "amoxor.d{aq} {=d},{t},({s})", "swap:8 s"),
    ("01100 ar ttttt sssss 011 ddddd 0101111", "amoand.d{aq} {=d},{t},({s})", "swap:8 s"),
    ("01000 ar ttttt sssss 011 ddddd 0101111", "amoor.d{aq} {=d},{t},({s})", "swap:8 s"),
    ("10000 ar ttttt sssss 011 ddddd 0101111", "amomin.d{aq} {=d},{t},({s})", "swap:8 s"),
    ("10100 ar ttttt sssss 011 ddddd 0101111", "amomax.d{aq} {=d},{t},({s})", "swap:8 s"),
    ("11000 ar ttttt sssss 011 ddddd 0101111", "amominu.d{aq} {=d},{t},({s})", "swap:8 s"),
    ("11100 ar ttttt sssss 011 ddddd 0101111", "amomaxu.d{aq} {=d},{t},({s})", "swap:8 s"),
    ("0000100 00000 sssss 000 ddddd 0111011", "zext.w {=d},{s}", ""),
    ("0000100 ttttt sssss 000 ddddd 0111011", "add.uw {=d},{s},{t}", ""),
    ("0010000 ttttt sssss 010 ddddd 0111011", "sh1add.uw {=d},{s},{t}", ""),
    ("0010000 ttttt sssss 100 ddddd 0111011", "sh2add.uw {=d},{s},{t}", ""),
    ("0010000 ttttt sssss 110 ddddd 0111011", "sh3add.uw {=d},{s},{t}", ""),
    ("000010 hhhhhh sssss 001 ddddd 0011011", "slli.uw {=d},{s},{h}", ""),
    ("0110000 00000 sssss 001 ddddd 0011011", "clzw {=d},{s}", ""),
    ("0110000 00001 sssss 001 ddddd 0011011", "ctzw {=d},{s}", ""),
    ("0110000 00010 sssss 001 ddddd 0011011", "cpopw {=d},{s}", ""),
    ("0000100 00000 sssss 100 ddddd 0111011", "zext.h {=d},{s}", ""),
    ("0110000 ttttt sssss 001 ddddd 0111011", "rolw {=d},{s},{t}", ""),
    ("0110000 ttttt sssss 101 ddddd 0111011", "rorw {=d},{s},{t}", ""),
    ("0110000 hhhhh sssss 101 ddddd 0011011", "roriw {=d},{s},{h}", ""),
    ("011010111000 sssss 101 ddddd 0010011", "rev8 {=d},{s}", ""),
    ("11000 0f 00010 sssss mmm ddddd 1010011", "fcvt.l.{f} {=d},{fs}{m}", ""),
    ("11000 0f 00011 sssss mmm ddddd 1010011", "fcvt.lu.{f} {=d},{fs}{m}", ""),
    ("11010 0f 00010 sssss mmm ddddd 1010011", "fcvt.{f}.l {=fd},{s}{m}", ""),
    ("11010 0f 00011 sssss mmm ddddd 1010011", "fcvt.{f}.lu {=fd},{s}{m}", ""),
    ("11100 01 00000 sssss 000 ddddd 1010011", "fmv.x.d {=d},{fs}", ""),
    ("11110 01 00000 sssss 000 ddddd 1010011", "fmv.d.x {=fd},{s}", ""),
];

/// Compressed, of both widths. Fields p and q are registers in three bits.
#[rustfmt::skip] // One row, one line.
static SHORT: &[Row] = &[
    ("0000 0000 0000 0000", "unimp", "trap"),
    ("000 ........ ppp 00", "add {=p},sp,{c4spn}", "reads:sp"),
    ("001 ... qqq .. ppp 00", "fld {=fp},{cld}({q})", "load:8 q+cld"),
    ("010 ... qqq .. ppp 00", "lw {=p},{clw}({q})", "load:4 q+clw"),
    ("101 ... qqq .. ppp 00", "fsd {fp},{cld}({q})", "store:8 q+cld"),
    ("110 ... qqq .. ppp 00", "sw {p},{clw}({q})", "store:4 q+clw"),
    ("000 0 00000 00000 01", "nop", ""),
    ("000 . 00000 ..... 01", "c.nop {ci}", ""),
    ("000 . ddddd ..... 01", "add {=d},{d},{ci}", ""),
    ("010 . 00000 ..... 01", "c.li zero,{ci}", ""),
    ("010 . ddddd ..... 01", "li {=d},{ci}", ""),
    ("011 . 00010 ..... 01", "add {=sp},sp,{c16sp}", "reads:sp"),
    ("011 . 00000 ..... 01", "c.lui zero,{clui}", ""),
    ("011 . ddddd ..... 01", "lui {=d},{clui}", ""),
    ("100 0 00 ppp 00000 01", "c.srli64 {+p}", ""),
    ("100 0 01 ppp 00000 01", "c.srai64 {+p}", ""),
    ("100 . 00 ppp ..... 01", "srl {=p},{p},{csh}", ""),
    ("100 . 01 ppp ..... 01", "sra {=p},{p},{csh}", ""),
    ("100 . 10 ppp ..... 01", "and {=p},{p},{ci}", ""),
    ("100 0 11 ppp 00 qqq 01", "sub {=p},{p},{q}", ""),
    ("100 0 11 ppp 01 qqq 01", "xor {=p},{p},{q}", ""),
    ("100 0 11 ppp 10 qqq 01", "or {=p},{p},{q}", ""),
    ("100 0 11 ppp 11 qqq 01", "and {=p},{p},{q}", ""),
    ("101 ........... 01", "j {cj}", "jump"),
    ("110 ... ppp ..... 01", "beqz {p},{cb}", "branch"),
    ("111 ... ppp ..... 01", "bnez {p},{cb}", "branch"),
    ("000 0 ddddd 00000 10", "c.slli64 {+d}", ""),
    ("000 . 00000 ..... 10", "c.slli zero,{csh}", ""),
    ("000 . ddddd ..... 10", "sll {=d},{d},{csh}", ""),
    ("001 . ddddd ..... 10", "fld {=fd},{cldsp}(sp)", "load:8 sp+cldsp reads:sp"),
    ("010 . ddddd ..... 10", "lw {=nz},{clwsp}(sp)", "load:4 sp+clwsp reads:sp"),
    ("100 0 00001 00000 10", "ret", "return reads:ra"),
    ("100 0 sssss 00000 10", "jr {s}{linked}", "jump"),
    ("100 0 00000 ttttt 10", "c.mv zero,{t}{some}", ""),
    ("100 0 ddddd ttttt 10", "mv {=d},{t}{some}", ""),
    ("100 1 00000 00000 10", "ebreak", "trap"),
    ("100 1 sssss 00000 10", "jalr {s}", "call writes:ra"),
    ("100 1 00000 ttttt 10", "c.add zero,{t}", ""),
    ("100 1 ddddd ttttt 10", "add {=d},{d},{t}", ""),
    ("101 ...... ttttt 10", "fsd {ft},{csdsp}(sp)", "store:8 sp+csdsp reads:sp"),
    ("110 ...... ttttt 10", "sw {t},{cswsp}(sp)", "store:4 sp+cswsp reads:sp"),
];

#[rustfmt::skip] // One row, one line.
static SHORT_32: &[Row] = &[
    ("001 ........... 01", "jal {cj}", "call writes:ra"),
    ("011 ... qqq .. ppp 00", "flw {=fp},{clw}({q})", "load:4 q+clw"),
    ("111 ... qqq .. ppp 00", "fsw {fp},{clw}({q})", "store:4 q+clw"),
    ("011 . ddddd ..... 10", "flw {=fd},{clwsp}(sp)", "load:4 sp+clwsp reads:sp"),
    ("111 ...... ttttt 10", "fsw {ft},{cswsp}(sp)", "store:4 sp+cswsp reads:sp"),
];

#[rustfmt::skip] // One row, one line.
static SHORT_64: &[Row] = &[
    ("001 0 ddddd 00000 01", "sext.w {=d},{nz}", ""),
    ("001 . ddddd ..... 01", "addw {=d},{nz},{ci}", ""),
    ("100 1 11 ppp 00 qqq 01", "subw {=p},{p},{q}", ""),
    ("100 1 11 ppp 01 qqq 01", "addw {=p},{p},{q}", ""),
    ("011 ... qqq .. ppp 00", "ld {=p},{cld}({q})", "load:8 q+cld"),
    ("111 ... qqq .. ppp 00", "sd {p},{cld}({q})", "store:8 q+cld"),
    ("011 . ddddd ..... 10", "ld {=nz},{cldsp}(sp)", "load:8 sp+cldsp reads:sp"),
    ("111 ...... ttttt 10", "sd {t},{csdsp}(sp)", "store:8 sp+csdsp reads:sp"),
];

/// Decodes the instruction that `bytes` begin with.
pub(super) fn decode(bytes: &[u8], addr: u64, is_64: bool) -> Option<Instruction> {
    static TABLES: [OnceLock<Table>; 4] = [const { OnceLock::new() }; 4];
    let low = u16::from_le_bytes(*bytes.first_chunk()?);
    let is_short = low & 3 != 3;
    let table =
        |at: usize, lists: &[&[Row]]| TABLES.get(at).map(|t| t.get_or_init(|| Table::new(lists)));
    let (table, code, len) = match (is_short, is_64) {
        (true, false) => (table(0, &[SHORT_32, SHORT]), low.into(), 2),
        (true, true) => (table(1, &[SHORT_64, SHORT]), low.into(), 2),
        (false, false) => {
            (table(2, &[ROWS, ROWS_32]), u32::from_le_bytes(*bytes.first_chunk()?), 4)
        }
        (false, true) => (table(3, &[ROWS, ROWS_64]), u32::from_le_bytes(*bytes.first_chunk()?), 4),
    };
    table?.decode(code, len, addr, &|key, word| operand(key, word, is_64))
}

fn operand(key: &str, word: &Word<'_>, is_64: bool) -> Option<Operand> {
    let register = |number: u32| Operand::register(*NAMES.get(number as usize)?);
    let float = |number: u32| Operand::register(*FLOATS.get(number as usize)?);
    let place = |offset: i64| {
        let addr = word.addr.wrapping_add_signed(offset);
        Some(Operand::Address(if is_64 { addr } else { addr & 0xffff_ffff }))
    };
    let number =
        |parts: &[(u32, u32)], scale: u32| Operand::number(i64::from(word.joined(parts) << scale));
    match key {
        "d" | "s" | "t" => register(word.field(*key.as_bytes().first()?)),
        "p" => register(word.field(b'p') + 8),
        "q" => register(word.field(b'q') + 8),
        "sp" => register(2),
        "fd" => float(word.field(b'd')),
        "fs" => float(word.field(b's')),
        "ft" => float(word.field(b't')),
        "fr" => float(word.field(b'r')),
        "fp" => float(word.field(b'p') + 8),
        "I" => Operand::number(word.joined_signed(&[(20, 12)])),
        "S" => Operand::number(word.joined_signed(&[(25, 7), (7, 5)])),
        "B" => place(word.joined_signed(&[(31, 1), (7, 1), (25, 6), (8, 4)]) << 1),
        "J" => place(word.joined_signed(&[(31, 1), (12, 8), (20, 1), (21, 10)]) << 1),
        "U" => Operand::hex(word.bits(12, 20).into()),
        "h" => {
            Some(word.field(b'h')).filter(|n| is_64 || *n < 32).and_then(|n| Operand::hex(n.into()))
        }
        "z" => Operand::number(word.field(b'z').into()),
        "c" => Operand::text(csr(word.field(b'c'))),
        "f" => Operand::text(if word.field(b'f') == 0 { "s" } else { "d" }),
        // Nothing to show: both sources must be one register.
        "same" => Operand::text("").filter(|_| word.field(b's') == word.field(b't')),
        "m" => Operand::text(
            *[",rne", ",rtz", ",rdn", ",rup", ",rmm", ",unknown", ",unknown", ""]
                .get(word.field(b'm') as usize)?,
        ),
        "aq" => Operand::text(
            *["", ".rl", ".aq", ".aqrl"]
                .get((word.field(b'a') << 1 | word.field(b'r')) as usize)?,
        ),
        "fa" => fence(word.field(b'a')),
        "fb" => fence(word.field(b'b')),
        // Compressed: immediates as the manual's table 16.1 and following place them.
        "some" => (word.field(b't') != 0).then(|| Operand::text(""))?,
        "linked" => (word.field(b's') != 0).then(|| Operand::text(""))?,
        "nz" => Some(word.field(b'd')).filter(|d| *d != 0).and_then(register),
        "ci" => Operand::number(word.joined_signed(&[(12, 1), (2, 5)])),
        "csh" => {
            let amount = word.joined(&[(12, 1), (2, 5)]);
            Some(amount).filter(|n| is_64 || *n < 32).and_then(|n| Operand::hex(n.into()))
        }
        "clui" => {
            let upper = word.joined_signed(&[(12, 1), (2, 5)]);
            (upper != 0).then(|| Operand::hex(upper & 0xf_ffff))?
        }
        "c16sp" => {
            let offset = word.joined_signed(&[(12, 1), (3, 2), (5, 1), (2, 1), (6, 1)]) << 4;
            (offset != 0).then(|| Operand::number(offset))?
        }
        "c4spn" => number(&[(7, 4), (11, 2), (5, 1), (6, 1)], 2).filter(|_| word.bits(5, 8) != 0),
        "clw" => number(&[(5, 1), (10, 3), (6, 1)], 2),
        "cld" => number(&[(5, 2), (10, 3)], 3),
        "clwsp" => number(&[(2, 2), (12, 1), (4, 3)], 2),
        "cldsp" => number(&[(2, 3), (12, 1), (5, 2)], 3),
        "cswsp" => number(&[(7, 2), (9, 4)], 2),
        "csdsp" => number(&[(7, 3), (10, 3)], 3),
        "cj" => place(
            word.joined_signed(&[(12, 1), (8, 1), (9, 2), (6, 1), (7, 1), (2, 1), (11, 1), (3, 3)])
                << 1,
        ),
        "cb" => place(word.joined_signed(&[(12, 1), (5, 2), (2, 1), (10, 2), (3, 2)]) << 1),
        _ => None,
    }
}

fn fence(set: u32) -> Option<Operand> {
    let names = [(8, 'i'), (4, 'o'), (2, 'r'), (1, 'w')];
    let text: String =
        names.iter().filter(|(bit, _)| set & bit != 0).map(|(_, name)| name).collect();
    Operand::text(if text.is_empty() { "unknown".to_string() } else { text })
}

/// Names of CSRs; groups that are counted have a rule.
fn csr(number: u32) -> String {
    #[rustfmt::skip]
    static NAMED: &[(u32, &str)] = &[
        (0x001, "fflags"), (0x002, "frm"), (0x003, "fcsr"), (0x015, "seed"), (0x100, "sstatus"), (0x104, "sie"),
        (0x105, "stvec"), (0x106, "scounteren"), (0x10a, "senvcfg"), (0x140, "sscratch"), (0x141, "sepc"),
        (0x142, "scause"), (0x143, "stval"), (0x144, "sip"), (0x14d, "stimecmp"), (0x15d, "stimecmph"),
        (0x180, "satp"), (0x300, "mstatus"), (0x301, "misa"), (0x302, "medeleg"), (0x303, "mideleg"), (0x304, "mie"),
        (0x305, "mtvec"), (0x306, "mcounteren"), (0x30a, "menvcfg"), (0x310, "mstatush"), (0x31a, "menvcfgh"),
        (0x320, "mcountinhibit"), (0x340, "mscratch"), (0x341, "mepc"), (0x342, "mcause"), (0x343, "mtval"),
        (0x344, "mip"), (0x34a, "mtinst"), (0x34b, "mtval2"), (0x747, "mseccfg"), (0x757, "mseccfgh"),
        (0x5a8, "scontext"), (0x7a0, "tselect"), (0x7a1, "tdata1"), (0x7a2, "tdata2"), (0x7a3, "tdata3"),
        (0x7a4, "tinfo"), (0x7a5, "tcontrol"), (0x7a8, "mcontext"), (0x7aa, "mscontext"), (0x7b0, "dcsr"),
        (0x7b1, "dpc"), (0x7b2, "dscratch0"), (0x7b3, "dscratch1"), (0xb00, "mcycle"), (0xb02, "minstret"),
        (0xb80, "mcycleh"), (0xb82, "minstreth"), (0xc00, "cycle"), (0xc01, "time"), (0xc02, "instret"),
        (0xc80, "cycleh"), (0xc81, "timeh"), (0xc82, "instreth"), (0xf11, "mvendorid"), (0xf12, "marchid"),
        (0xf13, "mimpid"), (0xf14, "mhartid"), (0xf15, "mconfigptr"),
    ];
    #[rustfmt::skip]
    static COUNTED: &[(u32, u32, &str)] = &[
        (0x3a0, 16, "pmpcfg"), (0x3b0, 64, "pmpaddr"), (0xb03, 29, "mhpmcounter"), (0xb83, 29, "mhpmcounterh"),
        (0xc03, 29, "hpmcounter"), (0xc83, 29, "hpmcounterh"), (0x323, 29, "mhpmevent"),
    ];
    if let Some((_, name)) = NAMED.iter().find(|(n, _)| *n == number) {
        return (*name).to_string();
    }
    let counted =
        COUNTED.iter().find(|(first, count, _)| (*first..first + count).contains(&number));
    match counted {
        Some((first, 29, name)) => {
            match name.strip_suffix('h').filter(|name| name.ends_with("counter")) {
                Some(name) => format!("{name}{}h", number - first + 3),
                None => format!("{name}{}", number - first + 3),
            }
        }
        Some((first, _, name)) => format!("{name}{}", number - first),
        None => format!("{number:#x}"),
    }
}
