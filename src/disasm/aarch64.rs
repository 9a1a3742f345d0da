//! AArch64: all of integers, branches, loads and stores, system registers by name where kernels use them, scalar
//! floating point. Vectors and what came after ARMv8.0 are not there: such words are shown as bytes.
//!
//! Source: Arm ARM for A-profile (DDI 0487J.a), C4.1 (encodings) and C6.2, C7.2 (aliases), D17 (system registers).

use super::Instruction;
use super::pattern::{Operand, Row, Table, Word};
use std::sync::OnceLock;

#[rustfmt::skip] // One row, one line.
static ROWS: &[Row] = &[
    ("0ii10000 iiiiiiiiiiiiiiiiiii ddddd", "adr {=xd}, {adr}", ""),
    ("1ii10000 iiiiiiiiiiiiiiiiiii ddddd", "adrp {=xd}, {adrp}", ""),
    ("z0010001 00 000000000000 nnnnn 11111", "mov {=sp}, {nsp}", ""),
    ("z0010001 00 000000000000 11111 ddddd", "mov {=dsp}, {sp}", ""),
    ("z0110001 hh iiiiiiiiiiii nnnnn 11111", "cmn {nsp}, {imm}{sh12}", ""),
    ("z1110001 hh iiiiiiiiiiii nnnnn 11111", "cmp {nsp}, {imm}{sh12}", ""),
    ("z0010001 hh iiiiiiiiiiii nnnnn ddddd", "add {=dsp}, {nsp}, {imm}{sh12}", ""),
    ("z0110001 hh iiiiiiiiiiii nnnnn ddddd", "adds {=d}, {nsp}, {imm}{sh12}", ""),
    ("z1010001 hh iiiiiiiiiiii nnnnn ddddd", "sub {=dsp}, {nsp}, {imm}{sh12}", ""),
    ("z1110001 hh iiiiiiiiiiii nnnnn ddddd", "subs {=d}, {nsp}, {imm}{sh12}", ""),
    ("z11 100100 N rrrrrr ssssss nnnnn 11111", "tst {n}, {bits}", ""),
    ("z00 100100 N rrrrrr ssssss nnnnn ddddd", "and {=dsp}, {n}, {bits}", ""),
    ("z01 100100 N rrrrrr ssssss 11111 ddddd", "mov {=dsp}, {bitsmov}", ""),
    ("z01 100100 N rrrrrr ssssss nnnnn ddddd", "orr {=dsp}, {n}, {bits}", ""),
    ("z10 100100 N rrrrrr ssssss nnnnn ddddd", "eor {=dsp}, {n}, {bits}", ""),
    ("z11 100100 N rrrrrr ssssss nnnnn ddddd", "ands {=d}, {n}, {bits}", ""),
    ("z00 100101 hh iiiiiiiiiiiiiiii ddddd", "mov {=d}, {movn}", ""),
    ("z10 100101 hh iiiiiiiiiiiiiiii ddddd", "mov {=d}, {movz}", ""),
    ("z00 100101 hh iiiiiiiiiiiiiiii ddddd", "movn {=d}, {imm}{sh16}", ""),
    ("z10 100101 hh iiiiiiiiiiiiiiii ddddd", "movz {=d}, {imm}{sh16}", ""),
    ("z11 100101 hh iiiiiiiiiiiiiiii ddddd", "movk {+d}, {imm}{sh16}", ""),
    ("z00 100110 y 000000 000111 nnnnn ddddd", "sxtb {=d}, {wn}{nz}", ""),
    ("z00 100110 y 000000 001111 nnnnn ddddd", "sxth {=d}, {wn}{nz}", ""),
    ("100 100110 1 000000 011111 nnnnn ddddd", "sxtw {=xd}, {wn}", ""),
    ("z00 100110 y rrrrrr ssssss nnnnn ddddd", "asr {=d}, {n}, {asr}{nz}", ""),
    ("z00 100110 y rrrrrr ssssss nnnnn ddddd", "sbfx {=d}, {n}, {bfx}{nz}", ""),
    ("z00 100110 y rrrrrr ssssss nnnnn ddddd", "sbfiz {=d}, {n}, {bfiz}{nz}", ""),
    ("z01 100110 y rrrrrr ssssss nnnnn ddddd", "bfxil {+d}, {n}, {bfx}{nz}", ""),
    ("z01 100110 y rrrrrr ssssss 11111 ddddd", "bfc {+d}, {bfiz}{nz}", ""),
    ("z01 100110 y rrrrrr ssssss nnnnn ddddd", "bfi {+d}, {n}, {bfiz}{nz}", ""),
    ("010 100110 0 000000 000111 nnnnn ddddd", "uxtb {=wd}, {wn}", ""),
    ("010 100110 0 000000 001111 nnnnn ddddd", "uxth {=wd}, {wn}", ""),
    ("z10 100110 y rrrrrr ssssss nnnnn ddddd", "lsl {=d}, {n}, {lsl}{nz}", ""),
    ("z10 100110 y rrrrrr ssssss nnnnn ddddd", "lsr {=d}, {n}, {asr}{nz}", ""),
    ("z10 100110 y rrrrrr ssssss nnnnn ddddd", "ubfx {=d}, {n}, {bfx}{nz}", ""),
    ("z10 100110 y rrrrrr ssssss nnnnn ddddd", "ubfiz {=d}, {n}, {bfiz}{nz}", ""),
    ("z00 100111 y0 mmmmm iiiiii nnnnn ddddd", "ror {=d}, {n}, {imm6}{nm}{nz}", ""),
    ("z00 100111 y0 mmmmm iiiiii nnnnn ddddd", "extr {=d}, {n}, {m}, {imm6}{nz}", ""),
    ("z01 01010 000 mmmmm 000000 11111 ddddd", "mov {=d}, {m}", ""),
    ("z01 01010 hh1 mmmmm iiiiii 11111 ddddd", "mvn {=d}, {m}{shift}", ""),
    ("z11 01010 hh0 mmmmm iiiiii nnnnn 11111", "tst {n}, {m}{shift}", ""),
    ("z00 01010 hh0 mmmmm iiiiii nnnnn ddddd", "and {=d}, {n}, {m}{shift}", ""),
    ("z00 01010 hh1 mmmmm iiiiii nnnnn ddddd", "bic {=d}, {n}, {m}{shift}", ""),
    ("z01 01010 hh0 mmmmm iiiiii nnnnn ddddd", "orr {=d}, {n}, {m}{shift}", ""),
    ("z01 01010 hh1 mmmmm iiiiii nnnnn ddddd", "orn {=d}, {n}, {m}{shift}", ""),
    ("z10 01010 hh0 mmmmm iiiiii nnnnn ddddd", "eor {=d}, {n}, {m}{shift}", ""),
    ("z10 01010 hh1 mmmmm iiiiii nnnnn ddddd", "eon {=d}, {n}, {m}{shift}", ""),
    ("z11 01010 hh0 mmmmm iiiiii nnnnn ddddd", "ands {=d}, {n}, {m}{shift}", ""),
    ("z11 01010 hh1 mmmmm iiiiii nnnnn ddddd", "bics {=d}, {n}, {m}{shift}", ""),
    ("z01 01011 hh0 mmmmm iiiiii nnnnn 11111", "cmn {n}, {m}{shift3}", ""),
    ("z11 01011 hh0 mmmmm iiiiii nnnnn 11111", "cmp {n}, {m}{shift3}", ""),
    ("z10 01011 hh0 mmmmm iiiiii 11111 ddddd", "neg {=d}, {m}{shift3}", ""),
    ("z11 01011 hh0 mmmmm iiiiii 11111 ddddd", "negs {=d}, {m}{shift3}", ""),
    ("z00 01011 hh0 mmmmm iiiiii nnnnn ddddd", "add {=d}, {n}, {m}{shift3}", ""),
    ("z01 01011 hh0 mmmmm iiiiii nnnnn ddddd", "adds {=d}, {n}, {m}{shift3}", ""),
    ("z10 01011 hh0 mmmmm iiiiii nnnnn ddddd", "sub {=d}, {n}, {m}{shift3}", ""),
    ("z11 01011 hh0 mmmmm iiiiii nnnnn ddddd", "subs {=d}, {n}, {m}{shift3}", ""),
    ("z01 01011 001 mmmmm ooo iii nnnnn 11111", "cmn {nsp}, {mext}", ""),
    ("z11 01011 001 mmmmm ooo iii nnnnn 11111", "cmp {nsp}, {mext}", ""),
    ("z00 01011 001 mmmmm ooo iii nnnnn ddddd", "add {=dsp}, {nsp}, {mext}", ""),
    ("z01 01011 001 mmmmm ooo iii nnnnn ddddd", "adds {=d}, {nsp}, {mext}", ""),
    ("z10 01011 001 mmmmm ooo iii nnnnn ddddd", "sub {=dsp}, {nsp}, {mext}", ""),
    ("z11 01011 001 mmmmm ooo iii nnnnn ddddd", "subs {=d}, {nsp}, {mext}", ""),
    ("z10 11010000 mmmmm 000000 11111 ddddd", "ngc {=d}, {m}", ""),
    ("z11 11010000 mmmmm 000000 11111 ddddd", "ngcs {=d}, {m}", ""),
    ("z00 11010000 mmmmm 000000 nnnnn ddddd", "adc {=d}, {n}, {m}", ""),
    ("z01 11010000 mmmmm 000000 nnnnn ddddd", "adcs {=d}, {n}, {m}", ""),
    ("z10 11010000 mmmmm 000000 nnnnn ddddd", "sbc {=d}, {n}, {m}", ""),
    ("z11 11010000 mmmmm 000000 nnnnn ddddd", "sbcs {=d}, {n}, {m}", ""),
    ("z01 11010010 mmmmm cccc 00 nnnnn 0 ffff", "ccmn {n}, {m}, {nzcv}, {c}", ""),
    ("z01 11010010 iiiii cccc 10 nnnnn 0 ffff", "ccmn {n}, {imm}, {nzcv}, {c}", ""),
    ("z11 11010010 mmmmm cccc 00 nnnnn 0 ffff", "ccmp {n}, {m}, {nzcv}, {c}", ""),
    ("z11 11010010 iiiii cccc 10 nnnnn 0 ffff", "ccmp {n}, {imm}, {nzcv}, {c}", ""),
    ("z00 11010100 11111 cccc 01 11111 ddddd", "cset {=d}, {cinv}", ""),
    ("z10 11010100 11111 cccc 00 11111 ddddd", "csetm {=d}, {cinv}", ""),
    ("z00 11010100 mmmmm cccc 01 nnnnn ddddd", "cinc {=d}, {n}, {cinv}{nm31}", ""),
    ("z10 11010100 mmmmm cccc 00 nnnnn ddddd", "cinv {=d}, {n}, {cinv}{nm31}", ""),
    ("z10 11010100 mmmmm cccc 01 nnnnn ddddd", "cneg {=d}, {n}, {cinv}{nm}", ""),
    ("z00 11010100 mmmmm cccc 00 nnnnn ddddd", "csel {=d}, {n}, {m}, {c}", ""),
    ("z00 11010100 mmmmm cccc 01 nnnnn ddddd", "csinc {=d}, {n}, {m}, {c}", ""),
    ("z10 11010100 mmmmm cccc 00 nnnnn ddddd", "csinv {=d}, {n}, {m}, {c}", ""),
    ("z10 11010100 mmmmm cccc 01 nnnnn ddddd", "csneg {=d}, {n}, {m}, {c}", ""),
    ("z00 11010110 mmmmm 000010 nnnnn ddddd", "udiv {=d}, {n}, {m}", ""),
    ("z00 11010110 mmmmm 000011 nnnnn ddddd", "sdiv {=d}, {n}, {m}", ""),
    ("z00 11010110 mmmmm 001000 nnnnn ddddd", "lsl {=d}, {n}, {m}", ""),
    ("z00 11010110 mmmmm 001001 nnnnn ddddd", "lsr {=d}, {n}, {m}", ""),
    ("z00 11010110 mmmmm 001010 nnnnn ddddd", "asr {=d}, {n}, {m}", ""),
    ("z00 11010110 mmmmm 001011 nnnnn ddddd", "ror {=d}, {n}, {m}", ""),
    ("z10 11010110 00000 000000 nnnnn ddddd", "rbit {=d}, {n}", ""),
    ("z10 11010110 00000 000001 nnnnn ddddd", "rev16 {=d}, {n}", ""),
    ("z10 11010110 00000 000100 nnnnn ddddd", "clz {=d}, {n}", ""),
    ("z10 11010110 00000 000101 nnnnn ddddd", "cls {=d}, {n}", ""),
    ("010 11010110 00000 000010 nnnnn ddddd", "rev {=wd}, {wn}", ""),
    ("110 11010110 00000 000010 nnnnn ddddd", "rev32 {=xd}, {xn}", ""),
    ("110 11010110 00000 000011 nnnnn ddddd", "rev {=xd}, {xn}", ""),
    ("000 11010110 mmmmm 010000 nnnnn ddddd", "crc32b {=wd}, {wn}, {wm}", ""),
    ("000 11010110 mmmmm 010001 nnnnn ddddd", "crc32h {=wd}, {wn}, {wm}", ""),
    ("000 11010110 mmmmm 010010 nnnnn ddddd", "crc32w {=wd}, {wn}, {wm}", ""),
    ("000 11010110 mmmmm 010100 nnnnn ddddd", "crc32cb {=wd}, {wn}, {wm}", ""),
    ("000 11010110 mmmmm 010101 nnnnn ddddd", "crc32ch {=wd}, {wn}, {wm}", ""),
    ("000 11010110 mmmmm 010110 nnnnn ddddd", "crc32cw {=wd}, {wn}, {wm}", ""),
    ("z00 11011000 mmmmm 0 11111 nnnnn ddddd", "mul {=d}, {n}, {m}", ""),
    ("z00 11011000 mmmmm 1 11111 nnnnn ddddd", "mneg {=d}, {n}, {m}", ""),
    ("z00 11011000 mmmmm 0 aaaaa nnnnn ddddd", "madd {=d}, {n}, {m}, {a}", ""),
    ("z00 11011000 mmmmm 1 aaaaa nnnnn ddddd", "msub {=d}, {n}, {m}, {a}", ""),
    ("100 11011001 mmmmm 0 11111 nnnnn ddddd", "smull {=xd}, {wn}, {wm}", ""),
    ("100 11011001 mmmmm 1 11111 nnnnn ddddd", "smnegl {=xd}, {wn}, {wm}", ""),
    ("100 11011001 mmmmm 0 aaaaa nnnnn ddddd", "smaddl {=xd}, {wn}, {wm}, {xa}", ""),
    ("100 11011001 mmmmm 1 aaaaa nnnnn ddddd", "smsubl {=xd}, {wn}, {wm}, {xa}", ""),
    ("100 11011101 mmmmm 0 11111 nnnnn ddddd", "umull {=xd}, {wn}, {wm}", ""),
    ("100 11011101 mmmmm 1 11111 nnnnn ddddd", "umnegl {=xd}, {wn}, {wm}", ""),
    ("100 11011101 mmmmm 0 aaaaa nnnnn ddddd", "umaddl {=xd}, {wn}, {wm}, {xa}", ""),
    ("100 11011101 mmmmm 1 aaaaa nnnnn ddddd", "umsubl {=xd}, {wn}, {wm}, {xa}", ""),
    ("100 11011010 mmmmm 0 11111 nnnnn ddddd", "smulh {=xd}, {xn}, {xm}", ""),
    ("100 11011110 mmmmm 0 11111 nnnnn ddddd", "umulh {=xd}, {xn}, {xm}", ""),
    ("000101 iiiiiiiiiiiiiiiiiiiiiiiiii", "b {b}", "jump"),
    ("100101 iiiiiiiiiiiiiiiiiiiiiiiiii", "bl {b}", "call writes:x30"),
    ("01010100 iiiiiiiiiiiiiiiiiii 0 cccc", "b.{c} {b}", "branch"),
    ("z0110100 iiiiiiiiiiiiiiiiiii ttttt", "cbz {t}, {b}", "branch"),
    ("z0110101 iiiiiiiiiiiiiiiiiii ttttt", "cbnz {t}, {b}", "branch"),
    ("z0110110 ooooo iiiiiiiiiiiiii ttttt", "tbz {t}, {tbit}, {b}", "branch"),
    ("z0110111 ooooo iiiiiiiiiiiiii ttttt", "tbnz {t}, {tbit}, {b}", "branch"),
    ("1101011000011111000000 nnnnn 00000", "br {xn}", "jump"),
    ("1101011000111111000000 nnnnn 00000", "blr {xn}", "call writes:x30"),
    ("1101011001011111000000 11110 00000", "ret", "return reads:x30"),
    ("1101011001011111000000 nnnnn 00000", "ret {xn}", "return"),
    ("11010110100111110000001111100000", "eret", "return"),
    ("11010100000 iiiiiiiiiiiiiiii 00001", "svc {imm}", "trap"),
    ("11010100000 iiiiiiiiiiiiiiii 00010", "hvc {imm}", "trap"),
    ("11010100000 iiiiiiiiiiiiiiii 00011", "smc {imm}", "trap"),
    ("11010100001 iiiiiiiiiiiiiiii 00000", "brk {imm}", "trap"),
    ("11010100010 iiiiiiiiiiiiiiii 00000", "hlt {imm}", "trap"),
    ("0000000000000000 iiiiiiiiiiiiiiii", "udf {idec}", "trap"),
    ("11010101000000110010 0000000 11111", "nop", ""),
    ("11010101000000110010 0000001 11111", "yield", ""),
    ("11010101000000110010 0000010 11111", "wfe", ""),
    ("11010101000000110010 0000011 11111", "wfi", ""),
    ("11010101000000110010 0000100 11111", "sev", ""),
    ("11010101000000110010 0000101 11111", "sevl", ""),
    ("11010101000000110010 0000111 11111", "xpaclri", ""),
    ("11010101000000110010 0010100 11111", "csdb", ""),
    ("11010101000000110010 0011001 11111", "paciasp", ""),
    ("11010101000000110010 0011011 11111", "pacibsp", ""),
    ("11010101000000110010 0011101 11111", "autiasp", ""),
    ("11010101000000110010 0011111 11111", "autibsp", ""),
    ("11010101000000110010 0100010 11111", "bti c", ""),
    ("11010101000000110010 0100100 11111", "bti j", ""),
    ("11010101000000110010 0100110 11111", "bti jc", ""),
    ("11010101000000110010 0100000 11111", "bti", ""),
    ("11010101000000110011 1111 010 11111", "clrex", ""),
    ("11010101000000110011 0000 100 11111", "ssbb", ""),
    ("11010101000000110011 0100 100 11111", "pssbb", ""),
    ("11010101000000110011 iiii 100 11111", "dsb {barrier}", ""),
    ("11010101000000110011 iiii 101 11111", "dmb {barrier}", ""),
    ("11010101000000110011 1111 110 11111", "isb", ""),
    ("1101010100000 011 0100 iiii 110 11111", "msr daifset, {imm}", ""),
    ("1101010100000 011 0100 iiii 111 11111", "msr daifclr, {imm}", ""),
    ("1101010100000 000 0100 iiii 101 11111", "msr spsel, {imm}", ""),
    ("110101010001 oooo xxxx yyyy ppp ttttt", "msr {sys}, {xt}", ""),
    ("110101010011 oooo xxxx yyyy ppp ttttt", "mrs {=xt}, {sys}", ""),
    ("00011000 iiiiiiiiiiiiiiiiiii ttttt", "ldr {=wt}, {b}", "load:4 b"),
    ("01011000 iiiiiiiiiiiiiiiiiii ttttt", "ldr {=xt}, {b}", "load:8 b"),
    ("10011000 iiiiiiiiiiiiiiiiiii ttttt", "ldrsw {=xt}, {b}", "load:4 b"),
    ("00011100 iiiiiiiiiiiiiiiiiii ttttt", "ldr {=fst}, {b}", "load:4 b"),
    ("01011100 iiiiiiiiiiiiiiiiiii ttttt", "ldr {=fdt}, {b}", "load:8 b"),
    ("10011100 iiiiiiiiiiiiiiiiiii ttttt", "ldr {=fqt}, {b}", "load:16 b"),
    ("0010100010 iiiiiii uuuuu nnnnn ttttt", "stp {wt}, {wu}, [{+nb}], {p4}", "store:8 nb"),
    ("0010100110 iiiiiii uuuuu nnnnn ttttt", "stp {wt}, {wu}, [{+nb}, {p4}]!", "store:8 nb+p4"),
    ("0010100100 iiiiiii uuuuu nnnnn ttttt", "stp {wt}, {wu}, [{nb}{o4}]", "store:8 nb+o4"),
    ("0010100000 iiiiiii uuuuu nnnnn ttttt", "stnp {wt}, {wu}, [{nb}{o4}]", "store:8 nb+o4"),
    ("0010100011 iiiiiii uuuuu nnnnn ttttt", "ldp {=wt}, {=wu}, [{+nb}], {p4}", "load:8 nb"),
    ("0010100111 iiiiiii uuuuu nnnnn ttttt", "ldp {=wt}, {=wu}, [{+nb}, {p4}]!", "load:8 nb+p4"),
    ("0010100101 iiiiiii uuuuu nnnnn ttttt", "ldp {=wt}, {=wu}, [{nb}{o4}]", "load:8 nb+o4"),
    ("0010100001 iiiiiii uuuuu nnnnn ttttt", "ldnp {=wt}, {=wu}, [{nb}{o4}]", "load:8 nb+o4"),
    ("1010100010 iiiiiii uuuuu nnnnn ttttt", "stp {xt}, {xu}, [{+nb}], {p8}", "store:16 nb"),
    ("1010100110 iiiiiii uuuuu nnnnn ttttt", "stp {xt}, {xu}, [{+nb}, {p8}]!", "store:16 nb+p8"),
    ("1010100100 iiiiiii uuuuu nnnnn ttttt", "stp {xt}, {xu}, [{nb}{o8}]", "store:16 nb+o8"),
    ("1010100000 iiiiiii uuuuu nnnnn ttttt", "stnp {xt}, {xu}, [{nb}{o8}]", "store:16 nb+o8"),
    ("1010100011 iiiiiii uuuuu nnnnn ttttt", "ldp {=xt}, {=xu}, [{+nb}], {p8}", "load:16 nb"),
    ("1010100111 iiiiiii uuuuu nnnnn ttttt", "ldp {=xt}, {=xu}, [{+nb}, {p8}]!", "load:16 nb+p8"),
    ("1010100101 iiiiiii uuuuu nnnnn ttttt", "ldp {=xt}, {=xu}, [{nb}{o8}]", "load:16 nb+o8"),
    ("1010100001 iiiiiii uuuuu nnnnn ttttt", "ldnp {=xt}, {=xu}, [{nb}{o8}]", "load:16 nb+o8"),
    ("0110100011 iiiiiii uuuuu nnnnn ttttt", "ldpsw {=xt}, {=xu}, [{+nb}], {p4}", "load:8 nb"),
    ("0110100111 iiiiiii uuuuu nnnnn ttttt", "ldpsw {=xt}, {=xu}, [{+nb}, {p4}]!", "load:8 nb+p4"),
    ("0110100101 iiiiiii uuuuu nnnnn ttttt", "ldpsw {=xt}, {=xu}, [{nb}{o4}]", "load:8 nb+o4"),
    ("0010110010 iiiiiii uuuuu nnnnn ttttt", "stp {fst}, {fsu}, [{+nb}], {p4}", "store:8 nb"),
    ("0010110110 iiiiiii uuuuu nnnnn ttttt", "stp {fst}, {fsu}, [{+nb}, {p4}]!", "store:8 nb+p4"),
    ("0010110100 iiiiiii uuuuu nnnnn ttttt", "stp {fst}, {fsu}, [{nb}{o4}]", "store:8 nb+o4"),
    ("0010110000 iiiiiii uuuuu nnnnn ttttt", "stnp {fst}, {fsu}, [{nb}{o4}]", "store:8 nb+o4"),
    ("0010110011 iiiiiii uuuuu nnnnn ttttt", "ldp {=fst}, {=fsu}, [{+nb}], {p4}", "load:8 nb"),
    ("0010110111 iiiiiii uuuuu nnnnn ttttt", "ldp {=fst}, {=fsu}, [{+nb}, {p4}]!", "load:8 nb+p4"),
    ("0010110101 iiiiiii uuuuu nnnnn ttttt", "ldp {=fst}, {=fsu}, [{nb}{o4}]", "load:8 nb+o4"),
    ("0010110001 iiiiiii uuuuu nnnnn ttttt", "ldnp {=fst}, {=fsu}, [{nb}{o4}]", "load:8 nb+o4"),
    ("0110110010 iiiiiii uuuuu nnnnn ttttt", "stp {fdt}, {fdu}, [{+nb}], {p8}", "store:16 nb"),
    ("0110110110 iiiiiii uuuuu nnnnn ttttt", "stp {fdt}, {fdu}, [{+nb}, {p8}]!", "store:16 nb+p8"),
    ("0110110100 iiiiiii uuuuu nnnnn ttttt", "stp {fdt}, {fdu}, [{nb}{o8}]", "store:16 nb+o8"),
    ("0110110000 iiiiiii uuuuu nnnnn ttttt", "stnp {fdt}, {fdu}, [{nb}{o8}]", "store:16 nb+o8"),
    ("0110110011 iiiiiii uuuuu nnnnn ttttt", "ldp {=fdt}, {=fdu}, [{+nb}], {p8}", "load:16 nb"),
    ("0110110111 iiiiiii uuuuu nnnnn ttttt", "ldp {=fdt}, {=fdu}, [{+nb}, {p8}]!", "load:16 nb+p8"),
    ("0110110101 iiiiiii uuuuu nnnnn ttttt", "ldp {=fdt}, {=fdu}, [{nb}{o8}]", "load:16 nb+o8"),
    ("0110110001 iiiiiii uuuuu nnnnn ttttt", "ldnp {=fdt}, {=fdu}, [{nb}{o8}]", "load:16 nb+o8"),
    ("1010110010 iiiiiii uuuuu nnnnn ttttt", "stp {fqt}, {fqu}, [{+nb}], {p16}", "store:32 nb"),
    ("1010110110 iiiiiii uuuuu nnnnn ttttt", "stp {fqt}, {fqu}, [{+nb}, {p16}]!", "store:32 nb+p16"),
    ("1010110100 iiiiiii uuuuu nnnnn ttttt", "stp {fqt}, {fqu}, [{nb}{o16}]", "store:32 nb+o16"),
    ("1010110000 iiiiiii uuuuu nnnnn ttttt", "stnp {fqt}, {fqu}, [{nb}{o16}]", "store:32 nb+o16"),
    ("1010110011 iiiiiii uuuuu nnnnn ttttt", "ldp {=fqt}, {=fqu}, [{+nb}], {p16}", "load:32 nb"),
    ("1010110111 iiiiiii uuuuu nnnnn ttttt", "ldp {=fqt}, {=fqu}, [{+nb}, {p16}]!", "load:32 nb+p16"),
    ("1010110101 iiiiiii uuuuu nnnnn ttttt", "ldp {=fqt}, {=fqu}, [{nb}{o16}]", "load:32 nb+o16"),
    ("1010110001 iiiiiii uuuuu nnnnn ttttt", "ldnp {=fqt}, {=fqu}, [{nb}{o16}]", "load:32 nb+o16"),
    ("11111001 10 iiiiiiiiiiii nnnnn ttttt", "prfm {prf}, [{nb}{u8}]", ""),
    ("0011100100 iiiiiiiiiiii nnnnn ttttt", "strb {wt}, [{nb}{u1}]", "store:1 nb+u1"),
    ("00111000000 iiiiiiiii 01 nnnnn ttttt", "strb {wt}, [{+nb}], {p1}", "store:1 nb"),
    ("00111000000 iiiiiiiii 11 nnnnn ttttt", "strb {wt}, [{+nb}, {p1}]!", "store:1 nb+p1"),
    ("00111000000 iiiiiiiii 00 nnnnn ttttt", "sturb {wt}, [{nb}{o1}]", "store:1 nb+o1"),
    ("00111000000 iiiiiiiii 10 nnnnn ttttt", "sttrb {wt}, [{nb}{o1}]", "store:1 nb+o1"),
    ("00111000001 mmmmm 011 j 10 nnnnn ttttt", "strb {wt}, [{nb}, {xm}{sc0}]", "store:1 nb+xm+sc0"),
    ("00111000001 mmmmm ooo j 10 nnnnn ttttt", "strb {wt}, [{nb}, {mx}{mxsc0}]", "store:1"),
    ("0011100101 iiiiiiiiiiii nnnnn ttttt", "ldrb {=wt}, [{nb}{u1}]", "load:1 nb+u1"),
    ("00111000010 iiiiiiiii 01 nnnnn ttttt", "ldrb {=wt}, [{+nb}], {p1}", "load:1 nb"),
    ("00111000010 iiiiiiiii 11 nnnnn ttttt", "ldrb {=wt}, [{+nb}, {p1}]!", "load:1 nb+p1"),
    ("00111000010 iiiiiiiii 00 nnnnn ttttt", "ldurb {=wt}, [{nb}{o1}]", "load:1 nb+o1"),
    ("00111000010 iiiiiiiii 10 nnnnn ttttt", "ldtrb {=wt}, [{nb}{o1}]", "load:1 nb+o1"),
    ("00111000011 mmmmm 011 j 10 nnnnn ttttt", "ldrb {=wt}, [{nb}, {xm}{sc0}]", "load:1 nb+xm+sc0"),
    ("00111000011 mmmmm ooo j 10 nnnnn ttttt", "ldrb {=wt}, [{nb}, {mx}{mxsc0}]", "load:1"),
    ("0011100110 iiiiiiiiiiii nnnnn ttttt", "ldrsb {=xt}, [{nb}{u1}]", "load:1 nb+u1"),
    ("00111000100 iiiiiiiii 01 nnnnn ttttt", "ldrsb {=xt}, [{+nb}], {p1}", "load:1 nb"),
    ("00111000100 iiiiiiiii 11 nnnnn ttttt", "ldrsb {=xt}, [{+nb}, {p1}]!", "load:1 nb+p1"),
    ("00111000100 iiiiiiiii 00 nnnnn ttttt", "ldursb {=xt}, [{nb}{o1}]", "load:1 nb+o1"),
    ("00111000100 iiiiiiiii 10 nnnnn ttttt", "ldtrsb {=xt}, [{nb}{o1}]", "load:1 nb+o1"),
    ("00111000101 mmmmm 011 j 10 nnnnn ttttt", "ldrsb {=xt}, [{nb}, {xm}{sc0}]", "load:1 nb+xm+sc0"),
    ("00111000101 mmmmm ooo j 10 nnnnn ttttt", "ldrsb {=xt}, [{nb}, {mx}{mxsc0}]", "load:1"),
    ("0011100111 iiiiiiiiiiii nnnnn ttttt", "ldrsb {=wt}, [{nb}{u1}]", "load:1 nb+u1"),
    ("00111000110 iiiiiiiii 01 nnnnn ttttt", "ldrsb {=wt}, [{+nb}], {p1}", "load:1 nb"),
    ("00111000110 iiiiiiiii 11 nnnnn ttttt", "ldrsb {=wt}, [{+nb}, {p1}]!", "load:1 nb+p1"),
    ("00111000110 iiiiiiiii 00 nnnnn ttttt", "ldursb {=wt}, [{nb}{o1}]", "load:1 nb+o1"),
    ("00111000110 iiiiiiiii 10 nnnnn ttttt", "ldtrsb {=wt}, [{nb}{o1}]", "load:1 nb+o1"),
    ("00111000111 mmmmm 011 j 10 nnnnn ttttt", "ldrsb {=wt}, [{nb}, {xm}{sc0}]", "load:1 nb+xm+sc0"),
    ("00111000111 mmmmm ooo j 10 nnnnn ttttt", "ldrsb {=wt}, [{nb}, {mx}{mxsc0}]", "load:1"),
    ("0111100100 iiiiiiiiiiii nnnnn ttttt", "strh {wt}, [{nb}{u2}]", "store:2 nb+u2"),
    ("01111000000 iiiiiiiii 01 nnnnn ttttt", "strh {wt}, [{+nb}], {p1}", "store:2 nb"),
    ("01111000000 iiiiiiiii 11 nnnnn ttttt", "strh {wt}, [{+nb}, {p1}]!", "store:2 nb+p1"),
    ("01111000000 iiiiiiiii 00 nnnnn ttttt", "sturh {wt}, [{nb}{o1}]", "store:2 nb+o1"),
    ("01111000000 iiiiiiiii 10 nnnnn ttttt", "sttrh {wt}, [{nb}{o1}]", "store:2 nb+o1"),
    ("01111000001 mmmmm 011 j 10 nnnnn ttttt", "strh {wt}, [{nb}, {xm}{sc1}]", "store:2 nb+xm+sc1"),
    ("01111000001 mmmmm ooo j 10 nnnnn ttttt", "strh {wt}, [{nb}, {mx}{mxsc1}]", "store:2"),
    ("0111100101 iiiiiiiiiiii nnnnn ttttt", "ldrh {=wt}, [{nb}{u2}]", "load:2 nb+u2"),
    ("01111000010 iiiiiiiii 01 nnnnn ttttt", "ldrh {=wt}, [{+nb}], {p1}", "load:2 nb"),
    ("01111000010 iiiiiiiii 11 nnnnn ttttt", "ldrh {=wt}, [{+nb}, {p1}]!", "load:2 nb+p1"),
    ("01111000010 iiiiiiiii 00 nnnnn ttttt", "ldurh {=wt}, [{nb}{o1}]", "load:2 nb+o1"),
    ("01111000010 iiiiiiiii 10 nnnnn ttttt", "ldtrh {=wt}, [{nb}{o1}]", "load:2 nb+o1"),
    ("01111000011 mmmmm 011 j 10 nnnnn ttttt", "ldrh {=wt}, [{nb}, {xm}{sc1}]", "load:2 nb+xm+sc1"),
    ("01111000011 mmmmm ooo j 10 nnnnn ttttt", "ldrh {=wt}, [{nb}, {mx}{mxsc1}]", "load:2"),
    ("0111100110 iiiiiiiiiiii nnnnn ttttt", "ldrsh {=xt}, [{nb}{u2}]", "load:2 nb+u2"),
    ("01111000100 iiiiiiiii 01 nnnnn ttttt", "ldrsh {=xt}, [{+nb}], {p1}", "load:2 nb"),
    ("01111000100 iiiiiiiii 11 nnnnn ttttt", "ldrsh {=xt}, [{+nb}, {p1}]!", "load:2 nb+p1"),
    ("01111000100 iiiiiiiii 00 nnnnn ttttt", "ldursh {=xt}, [{nb}{o1}]", "load:2 nb+o1"),
    ("01111000100 iiiiiiiii 10 nnnnn ttttt", "ldtrsh {=xt}, [{nb}{o1}]", "load:2 nb+o1"),
    ("01111000101 mmmmm 011 j 10 nnnnn ttttt", "ldrsh {=xt}, [{nb}, {xm}{sc1}]", "load:2 nb+xm+sc1"),
    ("01111000101 mmmmm ooo j 10 nnnnn ttttt", "ldrsh {=xt}, [{nb}, {mx}{mxsc1}]", "load:2"),
    ("0111100111 iiiiiiiiiiii nnnnn ttttt", "ldrsh {=wt}, [{nb}{u2}]", "load:2 nb+u2"),
    ("01111000110 iiiiiiiii 01 nnnnn ttttt", "ldrsh {=wt}, [{+nb}], {p1}", "load:2 nb"),
    ("01111000110 iiiiiiiii 11 nnnnn ttttt", "ldrsh {=wt}, [{+nb}, {p1}]!", "load:2 nb+p1"),
    ("01111000110 iiiiiiiii 00 nnnnn ttttt", "ldursh {=wt}, [{nb}{o1}]", "load:2 nb+o1"),
    ("01111000110 iiiiiiiii 10 nnnnn ttttt", "ldtrsh {=wt}, [{nb}{o1}]", "load:2 nb+o1"),
    ("01111000111 mmmmm 011 j 10 nnnnn ttttt", "ldrsh {=wt}, [{nb}, {xm}{sc1}]", "load:2 nb+xm+sc1"),
    ("01111000111 mmmmm ooo j 10 nnnnn ttttt", "ldrsh {=wt}, [{nb}, {mx}{mxsc1}]", "load:2"),
    ("1011100100 iiiiiiiiiiii nnnnn ttttt", "str {wt}, [{nb}{u4}]", "store:4 nb+u4"),
    ("10111000000 iiiiiiiii 01 nnnnn ttttt", "str {wt}, [{+nb}], {p1}", "store:4 nb"),
    ("10111000000 iiiiiiiii 11 nnnnn ttttt", "str {wt}, [{+nb}, {p1}]!", "store:4 nb+p1"),
    ("10111000000 iiiiiiiii 00 nnnnn ttttt", "stur {wt}, [{nb}{o1}]", "store:4 nb+o1"),
    ("10111000000 iiiiiiiii 10 nnnnn ttttt", "sttr {wt}, [{nb}{o1}]", "store:4 nb+o1"),
    ("10111000001 mmmmm 011 j 10 nnnnn ttttt", "str {wt}, [{nb}, {xm}{sc2}]", "store:4 nb+xm+sc2"),
    ("10111000001 mmmmm ooo j 10 nnnnn ttttt", "str {wt}, [{nb}, {mx}{mxsc2}]", "store:4"),
    ("1011100101 iiiiiiiiiiii nnnnn ttttt", "ldr {=wt}, [{nb}{u4}]", "load:4 nb+u4"),
    ("10111000010 iiiiiiiii 01 nnnnn ttttt", "ldr {=wt}, [{+nb}], {p1}", "load:4 nb"),
    ("10111000010 iiiiiiiii 11 nnnnn ttttt", "ldr {=wt}, [{+nb}, {p1}]!", "load:4 nb+p1"),
    ("10111000010 iiiiiiiii 00 nnnnn ttttt", "ldur {=wt}, [{nb}{o1}]", "load:4 nb+o1"),
    ("10111000010 iiiiiiiii 10 nnnnn ttttt", "ldtr {=wt}, [{nb}{o1}]", "load:4 nb+o1"),
    ("10111000011 mmmmm 011 j 10 nnnnn ttttt", "ldr {=wt}, [{nb}, {xm}{sc2}]", "load:4 nb+xm+sc2"),
    ("10111000011 mmmmm ooo j 10 nnnnn ttttt", "ldr {=wt}, [{nb}, {mx}{mxsc2}]", "load:4"),
    ("1011100110 iiiiiiiiiiii nnnnn ttttt", "ldrsw {=xt}, [{nb}{u4}]", "load:4 nb+u4"),
    ("10111000100 iiiiiiiii 01 nnnnn ttttt", "ldrsw {=xt}, [{+nb}], {p1}", "load:4 nb"),
    ("10111000100 iiiiiiiii 11 nnnnn ttttt", "ldrsw {=xt}, [{+nb}, {p1}]!", "load:4 nb+p1"),
    ("10111000100 iiiiiiiii 00 nnnnn ttttt", "ldursw {=xt}, [{nb}{o1}]", "load:4 nb+o1"),
    ("10111000100 iiiiiiiii 10 nnnnn ttttt", "ldtrsw {=xt}, [{nb}{o1}]", "load:4 nb+o1"),
    ("10111000101 mmmmm 011 j 10 nnnnn ttttt", "ldrsw {=xt}, [{nb}, {xm}{sc2}]", "load:4 nb+xm+sc2"),
    ("10111000101 mmmmm ooo j 10 nnnnn ttttt", "ldrsw {=xt}, [{nb}, {mx}{mxsc2}]", "load:4"),
    ("1111100100 iiiiiiiiiiii nnnnn ttttt", "str {xt}, [{nb}{u8}]", "store:8 nb+u8"),
    ("11111000000 iiiiiiiii 01 nnnnn ttttt", "str {xt}, [{+nb}], {p1}", "store:8 nb"),
    ("11111000000 iiiiiiiii 11 nnnnn ttttt", "str {xt}, [{+nb}, {p1}]!", "store:8 nb+p1"),
    ("11111000000 iiiiiiiii 00 nnnnn ttttt", "stur {xt}, [{nb}{o1}]", "store:8 nb+o1"),
    ("11111000000 iiiiiiiii 10 nnnnn ttttt", "sttr {xt}, [{nb}{o1}]", "store:8 nb+o1"),
    ("11111000001 mmmmm 011 j 10 nnnnn ttttt", "str {xt}, [{nb}, {xm}{sc3}]", "store:8 nb+xm+sc3"),
    ("11111000001 mmmmm ooo j 10 nnnnn ttttt", "str {xt}, [{nb}, {mx}{mxsc3}]", "store:8"),
    ("1111100101 iiiiiiiiiiii nnnnn ttttt", "ldr {=xt}, [{nb}{u8}]", "load:8 nb+u8"),
    ("11111000010 iiiiiiiii 01 nnnnn ttttt", "ldr {=xt}, [{+nb}], {p1}", "load:8 nb"),
    ("11111000010 iiiiiiiii 11 nnnnn ttttt", "ldr {=xt}, [{+nb}, {p1}]!", "load:8 nb+p1"),
    ("11111000010 iiiiiiiii 00 nnnnn ttttt", "ldur {=xt}, [{nb}{o1}]", "load:8 nb+o1"),
    ("11111000010 iiiiiiiii 10 nnnnn ttttt", "ldtr {=xt}, [{nb}{o1}]", "load:8 nb+o1"),
    ("11111000011 mmmmm 011 j 10 nnnnn ttttt", "ldr {=xt}, [{nb}, {xm}{sc3}]", "load:8 nb+xm+sc3"),
    ("11111000011 mmmmm ooo j 10 nnnnn ttttt", "ldr {=xt}, [{nb}, {mx}{mxsc3}]", "load:8"),
    ("0011110100 iiiiiiiiiiii nnnnn ttttt", "str {fbt}, [{nb}{u1}]", "store:1 nb+u1"),
    ("00111100000 iiiiiiiii 01 nnnnn ttttt", "str {fbt}, [{+nb}], {p1}", "store:1 nb"),
    ("00111100000 iiiiiiiii 11 nnnnn ttttt", "str {fbt}, [{+nb}, {p1}]!", "store:1 nb+p1"),
    ("00111100000 iiiiiiiii 00 nnnnn ttttt", "stur {fbt}, [{nb}{o1}]", "store:1 nb+o1"),
    ("00111100001 mmmmm 011 j 10 nnnnn ttttt", "str {fbt}, [{nb}, {xm}{sc0}]", "store:1 nb+xm+sc0"),
    ("00111100001 mmmmm ooo j 10 nnnnn ttttt", "str {fbt}, [{nb}, {mx}{mxsc0}]", "store:1"),
    ("0011110101 iiiiiiiiiiii nnnnn ttttt", "ldr {=fbt}, [{nb}{u1}]", "load:1 nb+u1"),
    ("00111100010 iiiiiiiii 01 nnnnn ttttt", "ldr {=fbt}, [{+nb}], {p1}", "load:1 nb"),
    ("00111100010 iiiiiiiii 11 nnnnn ttttt", "ldr {=fbt}, [{+nb}, {p1}]!", "load:1 nb+p1"),
    ("00111100010 iiiiiiiii 00 nnnnn ttttt", "ldur {=fbt}, [{nb}{o1}]", "load:1 nb+o1"),
    ("00111100011 mmmmm 011 j 10 nnnnn ttttt", "ldr {=fbt}, [{nb}, {xm}{sc0}]", "load:1 nb+xm+sc0"),
    ("00111100011 mmmmm ooo j 10 nnnnn ttttt", "ldr {=fbt}, [{nb}, {mx}{mxsc0}]", "load:1"),
    ("0111110100 iiiiiiiiiiii nnnnn ttttt", "str {fht}, [{nb}{u2}]", "store:2 nb+u2"),
    ("01111100000 iiiiiiiii 01 nnnnn ttttt", "str {fht}, [{+nb}], {p1}", "store:2 nb"),
    ("01111100000 iiiiiiiii 11 nnnnn ttttt", "str {fht}, [{+nb}, {p1}]!", "store:2 nb+p1"),
    ("01111100000 iiiiiiiii 00 nnnnn ttttt", "stur {fht}, [{nb}{o1}]", "store:2 nb+o1"),
    ("01111100001 mmmmm 011 j 10 nnnnn ttttt", "str {fht}, [{nb}, {xm}{sc1}]", "store:2 nb+xm+sc1"),
    ("01111100001 mmmmm ooo j 10 nnnnn ttttt", "str {fht}, [{nb}, {mx}{mxsc1}]", "store:2"),
    ("0111110101 iiiiiiiiiiii nnnnn ttttt", "ldr {=fht}, [{nb}{u2}]", "load:2 nb+u2"),
    ("01111100010 iiiiiiiii 01 nnnnn ttttt", "ldr {=fht}, [{+nb}], {p1}", "load:2 nb"),
    ("01111100010 iiiiiiiii 11 nnnnn ttttt", "ldr {=fht}, [{+nb}, {p1}]!", "load:2 nb+p1"),
    ("01111100010 iiiiiiiii 00 nnnnn ttttt", "ldur {=fht}, [{nb}{o1}]", "load:2 nb+o1"),
    ("01111100011 mmmmm 011 j 10 nnnnn ttttt", "ldr {=fht}, [{nb}, {xm}{sc1}]", "load:2 nb+xm+sc1"),
    ("01111100011 mmmmm ooo j 10 nnnnn ttttt", "ldr {=fht}, [{nb}, {mx}{mxsc1}]", "load:2"),
    ("1011110100 iiiiiiiiiiii nnnnn ttttt", "str {fst}, [{nb}{u4}]", "store:4 nb+u4"),
    ("10111100000 iiiiiiiii 01 nnnnn ttttt", "str {fst}, [{+nb}], {p1}", "store:4 nb"),
    ("10111100000 iiiiiiiii 11 nnnnn ttttt", "str {fst}, [{+nb}, {p1}]!", "store:4 nb+p1"),
    ("10111100000 iiiiiiiii 00 nnnnn ttttt", "stur {fst}, [{nb}{o1}]", "store:4 nb+o1"),
    ("10111100001 mmmmm 011 j 10 nnnnn ttttt", "str {fst}, [{nb}, {xm}{sc2}]", "store:4 nb+xm+sc2"),
    ("10111100001 mmmmm ooo j 10 nnnnn ttttt", "str {fst}, [{nb}, {mx}{mxsc2}]", "store:4"),
    ("1011110101 iiiiiiiiiiii nnnnn ttttt", "ldr {=fst}, [{nb}{u4}]", "load:4 nb+u4"),
    ("10111100010 iiiiiiiii 01 nnnnn ttttt", "ldr {=fst}, [{+nb}], {p1}", "load:4 nb"),
    ("10111100010 iiiiiiiii 11 nnnnn ttttt", "ldr {=fst}, [{+nb}, {p1}]!", "load:4 nb+p1"),
    ("10111100010 iiiiiiiii 00 nnnnn ttttt", "ldur {=fst}, [{nb}{o1}]", "load:4 nb+o1"),
    ("10111100011 mmmmm 011 j 10 nnnnn ttttt", "ldr {=fst}, [{nb}, {xm}{sc2}]", "load:4 nb+xm+sc2"),
    ("10111100011 mmmmm ooo j 10 nnnnn ttttt", "ldr {=fst}, [{nb}, {mx}{mxsc2}]", "load:4"),
    ("1111110100 iiiiiiiiiiii nnnnn ttttt", "str {fdt}, [{nb}{u8}]", "store:8 nb+u8"),
    ("11111100000 iiiiiiiii 01 nnnnn ttttt", "str {fdt}, [{+nb}], {p1}", "store:8 nb"),
    ("11111100000 iiiiiiiii 11 nnnnn ttttt", "str {fdt}, [{+nb}, {p1}]!", "store:8 nb+p1"),
    ("11111100000 iiiiiiiii 00 nnnnn ttttt", "stur {fdt}, [{nb}{o1}]", "store:8 nb+o1"),
    ("11111100001 mmmmm 011 j 10 nnnnn ttttt", "str {fdt}, [{nb}, {xm}{sc3}]", "store:8 nb+xm+sc3"),
    ("11111100001 mmmmm ooo j 10 nnnnn ttttt", "str {fdt}, [{nb}, {mx}{mxsc3}]", "store:8"),
    ("1111110101 iiiiiiiiiiii nnnnn ttttt", "ldr {=fdt}, [{nb}{u8}]", "load:8 nb+u8"),
    ("11111100010 iiiiiiiii 01 nnnnn ttttt", "ldr {=fdt}, [{+nb}], {p1}", "load:8 nb"),
    ("11111100010 iiiiiiiii 11 nnnnn ttttt", "ldr {=fdt}, [{+nb}, {p1}]!", "load:8 nb+p1"),
    ("11111100010 iiiiiiiii 00 nnnnn ttttt", "ldur {=fdt}, [{nb}{o1}]", "load:8 nb+o1"),
    ("11111100011 mmmmm 011 j 10 nnnnn ttttt", "ldr {=fdt}, [{nb}, {xm}{sc3}]", "load:8 nb+xm+sc3"),
    ("11111100011 mmmmm ooo j 10 nnnnn ttttt", "ldr {=fdt}, [{nb}, {mx}{mxsc3}]", "load:8"),
    ("0011110110 iiiiiiiiiiii nnnnn ttttt", "str {fqt}, [{nb}{u16}]", "store:16 nb+u16"),
    ("00111100100 iiiiiiiii 01 nnnnn ttttt", "str {fqt}, [{+nb}], {p1}", "store:16 nb"),
    ("00111100100 iiiiiiiii 11 nnnnn ttttt", "str {fqt}, [{+nb}, {p1}]!", "store:16 nb+p1"),
    ("00111100100 iiiiiiiii 00 nnnnn ttttt", "stur {fqt}, [{nb}{o1}]", "store:16 nb+o1"),
    ("00111100101 mmmmm 011 j 10 nnnnn ttttt", "str {fqt}, [{nb}, {xm}{sc4}]", "store:16 nb+xm+sc4"),
    ("00111100101 mmmmm ooo j 10 nnnnn ttttt", "str {fqt}, [{nb}, {mx}{mxsc4}]", "store:16"),
    ("0011110111 iiiiiiiiiiii nnnnn ttttt", "ldr {=fqt}, [{nb}{u16}]", "load:16 nb+u16"),
    ("00111100110 iiiiiiiii 01 nnnnn ttttt", "ldr {=fqt}, [{+nb}], {p1}", "load:16 nb"),
    ("00111100110 iiiiiiiii 11 nnnnn ttttt", "ldr {=fqt}, [{+nb}, {p1}]!", "load:16 nb+p1"),
    ("00111100110 iiiiiiiii 00 nnnnn ttttt", "ldur {=fqt}, [{nb}{o1}]", "load:16 nb+o1"),
    ("00111100111 mmmmm 011 j 10 nnnnn ttttt", "ldr {=fqt}, [{nb}, {xm}{sc4}]", "load:16 nb+xm+sc4"),
    ("00111100111 mmmmm ooo j 10 nnnnn ttttt", "ldr {=fqt}, [{nb}, {mx}{mxsc4}]", "load:16"),
    ("00001000000 sssss 0 11111 nnnnn ttttt", "stxrb {=ws}, {wt}, [{nb}]", "store:1 nb"),
    ("00001000010 11111 0 11111 nnnnn ttttt", "ldxrb {=wt}, [{nb}]", "load:1 nb"),
    ("00001000000 sssss 1 11111 nnnnn ttttt", "stlxrb {=ws}, {wt}, [{nb}]", "store:1 nb"),
    ("00001000010 11111 1 11111 nnnnn ttttt", "ldaxrb {=wt}, [{nb}]", "load:1 nb"),
    ("00001000100 11111 1 11111 nnnnn ttttt", "stlrb {wt}, [{nb}]", "store:1 nb"),
    ("00001000110 11111 1 11111 nnnnn ttttt", "ldarb {=wt}, [{nb}]", "load:1 nb"),
    ("01001000000 sssss 0 11111 nnnnn ttttt", "stxrh {=ws}, {wt}, [{nb}]", "store:2 nb"),
    ("01001000010 11111 0 11111 nnnnn ttttt", "ldxrh {=wt}, [{nb}]", "load:2 nb"),
    ("01001000000 sssss 1 11111 nnnnn ttttt", "stlxrh {=ws}, {wt}, [{nb}]", "store:2 nb"),
    ("01001000010 11111 1 11111 nnnnn ttttt", "ldaxrh {=wt}, [{nb}]", "load:2 nb"),
    ("01001000100 11111 1 11111 nnnnn ttttt", "stlrh {wt}, [{nb}]", "store:2 nb"),
    ("01001000110 11111 1 11111 nnnnn ttttt", "ldarh {=wt}, [{nb}]", "load:2 nb"),
    ("10001000000 sssss 0 11111 nnnnn ttttt", "stxr {=ws}, {wt}, [{nb}]", "store:4 nb"),
    ("10001000010 11111 0 11111 nnnnn ttttt", "ldxr {=wt}, [{nb}]", "load:4 nb"),
    ("10001000000 sssss 1 11111 nnnnn ttttt", "stlxr {=ws}, {wt}, [{nb}]", "store:4 nb"),
    ("10001000010 11111 1 11111 nnnnn ttttt", "ldaxr {=wt}, [{nb}]", "load:4 nb"),
    ("10001000100 11111 1 11111 nnnnn ttttt", "stlr {wt}, [{nb}]", "store:4 nb"),
    ("10001000110 11111 1 11111 nnnnn ttttt", "ldar {=wt}, [{nb}]", "load:4 nb"),
    ("11001000000 sssss 0 11111 nnnnn ttttt", "stxr {=ws}, {xt}, [{nb}]", "store:8 nb"),
    ("11001000010 11111 0 11111 nnnnn ttttt", "ldxr {=xt}, [{nb}]", "load:8 nb"),
    ("11001000000 sssss 1 11111 nnnnn ttttt", "stlxr {=ws}, {xt}, [{nb}]", "store:8 nb"),
    ("11001000010 11111 1 11111 nnnnn ttttt", "ldaxr {=xt}, [{nb}]", "load:8 nb"),
    ("11001000100 11111 1 11111 nnnnn ttttt", "stlr {xt}, [{nb}]", "store:8 nb"),
    ("11001000110 11111 1 11111 nnnnn ttttt", "ldar {=xt}, [{nb}]", "load:8 nb"),
    ("00011110001 mmmmm 0000 10 nnnnn ddddd", "fmul {=fsd}, {fsn}, {fsm}", ""),
    ("00011110001 mmmmm 0001 10 nnnnn ddddd", "fdiv {=fsd}, {fsn}, {fsm}", ""),
    ("00011110001 mmmmm 0010 10 nnnnn ddddd", "fadd {=fsd}, {fsn}, {fsm}", ""),
    ("00011110001 mmmmm 0011 10 nnnnn ddddd", "fsub {=fsd}, {fsn}, {fsm}", ""),
    ("00011110001 mmmmm 0100 10 nnnnn ddddd", "fmax {=fsd}, {fsn}, {fsm}", ""),
    ("00011110001 mmmmm 0101 10 nnnnn ddddd", "fmin {=fsd}, {fsn}, {fsm}", ""),
    ("00011110001 mmmmm 0110 10 nnnnn ddddd", "fmaxnm {=fsd}, {fsn}, {fsm}", ""),
    ("00011110001 mmmmm 0111 10 nnnnn ddddd", "fminnm {=fsd}, {fsn}, {fsm}", ""),
    ("00011110001 mmmmm 1000 10 nnnnn ddddd", "fnmul {=fsd}, {fsn}, {fsm}", ""),
    ("00011110001 000000 10000 nnnnn ddddd", "fmov {=fsd}, {fsn}", ""),
    ("00011110001 000001 10000 nnnnn ddddd", "fabs {=fsd}, {fsn}", ""),
    ("00011110001 000010 10000 nnnnn ddddd", "fneg {=fsd}, {fsn}", ""),
    ("00011110001 000011 10000 nnnnn ddddd", "fsqrt {=fsd}, {fsn}", ""),
    ("00011110001 001000 10000 nnnnn ddddd", "frintn {=fsd}, {fsn}", ""),
    ("00011110001 001001 10000 nnnnn ddddd", "frintp {=fsd}, {fsn}", ""),
    ("00011110001 001010 10000 nnnnn ddddd", "frintm {=fsd}, {fsn}", ""),
    ("00011110001 001011 10000 nnnnn ddddd", "frintz {=fsd}, {fsn}", ""),
    ("00011110001 001100 10000 nnnnn ddddd", "frinta {=fsd}, {fsn}", ""),
    ("00011110001 001110 10000 nnnnn ddddd", "frintx {=fsd}, {fsn}", ""),
    ("00011110001 001111 10000 nnnnn ddddd", "frinti {=fsd}, {fsn}", ""),
    ("00011110001 mmmmm 001000 nnnnn 00000", "fcmp {fsn}, {fsm}", ""),
    ("00011110001 00000 001000 nnnnn 01000", "fcmp {fsn}, #0.0", ""),
    ("00011110001 mmmmm 001000 nnnnn 10000", "fcmpe {fsn}, {fsm}", ""),
    ("00011110001 00000 001000 nnnnn 11000", "fcmpe {fsn}, #0.0", ""),
    ("00011110001 mmmmm cccc 11 nnnnn ddddd", "fcsel {=fsd}, {fsn}, {fsm}, {c}", ""),
    ("00011111000 mmmmm 0 aaaaa nnnnn ddddd", "fmadd {=fsd}, {fsn}, {fsm}, {fsa}", ""),
    ("00011111000 mmmmm 1 aaaaa nnnnn ddddd", "fmsub {=fsd}, {fsn}, {fsm}, {fsa}", ""),
    ("00011111001 mmmmm 0 aaaaa nnnnn ddddd", "fnmadd {=fsd}, {fsn}, {fsm}, {fsa}", ""),
    ("00011111001 mmmmm 1 aaaaa nnnnn ddddd", "fnmsub {=fsd}, {fsn}, {fsm}, {fsa}", ""),
    ("z0011110001 00010 000000 nnnnn ddddd", "scvtf {=fsd}, {n}", ""),
    ("z0011110001 00011 000000 nnnnn ddddd", "ucvtf {=fsd}, {n}", ""),
    ("z0011110001 11000 000000 nnnnn ddddd", "fcvtzs {=d}, {fsn}", ""),
    ("z0011110001 11001 000000 nnnnn ddddd", "fcvtzu {=d}, {fsn}", ""),
    ("z0011110001 00000 000000 nnnnn ddddd", "fcvtns {=d}, {fsn}", ""),
    ("z0011110001 00001 000000 nnnnn ddddd", "fcvtnu {=d}, {fsn}", ""),
    ("z0011110001 01000 000000 nnnnn ddddd", "fcvtps {=d}, {fsn}", ""),
    ("z0011110001 01001 000000 nnnnn ddddd", "fcvtpu {=d}, {fsn}", ""),
    ("z0011110001 10000 000000 nnnnn ddddd", "fcvtms {=d}, {fsn}", ""),
    ("z0011110001 10001 000000 nnnnn ddddd", "fcvtmu {=d}, {fsn}", ""),
    ("z0011110001 00100 000000 nnnnn ddddd", "fcvtas {=d}, {fsn}", ""),
    ("z0011110001 00101 000000 nnnnn ddddd", "fcvtau {=d}, {fsn}", ""),
    ("00011110011 mmmmm 0000 10 nnnnn ddddd", "fmul {=fdd}, {fdn}, {fdm}", ""),
    ("00011110011 mmmmm 0001 10 nnnnn ddddd", "fdiv {=fdd}, {fdn}, {fdm}", ""),
    ("00011110011 mmmmm 0010 10 nnnnn ddddd", "fadd {=fdd}, {fdn}, {fdm}", ""),
    ("00011110011 mmmmm 0011 10 nnnnn ddddd", "fsub {=fdd}, {fdn}, {fdm}", ""),
    ("00011110011 mmmmm 0100 10 nnnnn ddddd", "fmax {=fdd}, {fdn}, {fdm}", ""),
    ("00011110011 mmmmm 0101 10 nnnnn ddddd", "fmin {=fdd}, {fdn}, {fdm}", ""),
    ("00011110011 mmmmm 0110 10 nnnnn ddddd", "fmaxnm {=fdd}, {fdn}, {fdm}", ""),
    ("00011110011 mmmmm 0111 10 nnnnn ddddd", "fminnm {=fdd}, {fdn}, {fdm}", ""),
    ("00011110011 mmmmm 1000 10 nnnnn ddddd", "fnmul {=fdd}, {fdn}, {fdm}", ""),
    ("00011110011 000000 10000 nnnnn ddddd", "fmov {=fdd}, {fdn}", ""),
    ("00011110011 000001 10000 nnnnn ddddd", "fabs {=fdd}, {fdn}", ""),
    ("00011110011 000010 10000 nnnnn ddddd", "fneg {=fdd}, {fdn}", ""),
    ("00011110011 000011 10000 nnnnn ddddd", "fsqrt {=fdd}, {fdn}", ""),
    ("00011110011 001000 10000 nnnnn ddddd", "frintn {=fdd}, {fdn}", ""),
    ("00011110011 001001 10000 nnnnn ddddd", "frintp {=fdd}, {fdn}", ""),
    ("00011110011 001010 10000 nnnnn ddddd", "frintm {=fdd}, {fdn}", ""),
    ("00011110011 001011 10000 nnnnn ddddd", "frintz {=fdd}, {fdn}", ""),
    ("00011110011 001100 10000 nnnnn ddddd", "frinta {=fdd}, {fdn}", ""),
    ("00011110011 001110 10000 nnnnn ddddd", "frintx {=fdd}, {fdn}", ""),
    ("00011110011 001111 10000 nnnnn ddddd", "frinti {=fdd}, {fdn}", ""),
    ("00011110011 mmmmm 001000 nnnnn 00000", "fcmp {fdn}, {fdm}", ""),
    ("00011110011 00000 001000 nnnnn 01000", "fcmp {fdn}, #0.0", ""),
    ("00011110011 mmmmm 001000 nnnnn 10000", "fcmpe {fdn}, {fdm}", ""),
    ("00011110011 00000 001000 nnnnn 11000", "fcmpe {fdn}, #0.0", ""),
    ("00011110011 mmmmm cccc 11 nnnnn ddddd", "fcsel {=fdd}, {fdn}, {fdm}, {c}", ""),
    ("00011111010 mmmmm 0 aaaaa nnnnn ddddd", "fmadd {=fdd}, {fdn}, {fdm}, {fda}", ""),
    ("00011111010 mmmmm 1 aaaaa nnnnn ddddd", "fmsub {=fdd}, {fdn}, {fdm}, {fda}", ""),
    ("00011111011 mmmmm 0 aaaaa nnnnn ddddd", "fnmadd {=fdd}, {fdn}, {fdm}, {fda}", ""),
    ("00011111011 mmmmm 1 aaaaa nnnnn ddddd", "fnmsub {=fdd}, {fdn}, {fdm}, {fda}", ""),
    ("z0011110011 00010 000000 nnnnn ddddd", "scvtf {=fdd}, {n}", ""),
    ("z0011110011 00011 000000 nnnnn ddddd", "ucvtf {=fdd}, {n}", ""),
    ("z0011110011 11000 000000 nnnnn ddddd", "fcvtzs {=d}, {fdn}", ""),
    ("z0011110011 11001 000000 nnnnn ddddd", "fcvtzu {=d}, {fdn}", ""),
    ("z0011110011 00000 000000 nnnnn ddddd", "fcvtns {=d}, {fdn}", ""),
    ("z0011110011 00001 000000 nnnnn ddddd", "fcvtnu {=d}, {fdn}", ""),
    ("z0011110011 01000 000000 nnnnn ddddd", "fcvtps {=d}, {fdn}", ""),
    ("z0011110011 01001 000000 nnnnn ddddd", "fcvtpu {=d}, {fdn}", ""),
    ("z0011110011 10000 000000 nnnnn ddddd", "fcvtms {=d}, {fdn}", ""),
    ("z0011110011 10001 000000 nnnnn ddddd", "fcvtmu {=d}, {fdn}", ""),
    ("z0011110011 00100 000000 nnnnn ddddd", "fcvtas {=d}, {fdn}", ""),
    ("z0011110011 00101 000000 nnnnn ddddd", "fcvtau {=d}, {fdn}", ""),
    ("00011110001 000101 10000 nnnnn ddddd", "fcvt {=fdd}, {fsn}", ""),
    ("00011110011 000100 10000 nnnnn ddddd", "fcvt {=fsd}, {fdn}", ""),
    ("0001111000100110 000000 nnnnn ddddd", "fmov {=wd}, {fsn}", ""),
    ("0001111000100111 000000 nnnnn ddddd", "fmov {=fsd}, {wn}", ""),
    ("1001111001100110 000000 nnnnn ddddd", "fmov {=xd}, {fdn}", ""),
    ("1001111001100111 000000 nnnnn ddddd", "fmov {=fdd}, {xn}", ""),
];

/// Decodes the instruction that `bytes` begin with.
pub(super) fn decode(bytes: &[u8], addr: u64) -> Option<Instruction> {
    static TABLE: OnceLock<Table> = OnceLock::new();
    let code = u32::from_le_bytes(*bytes.first_chunk()?);
    TABLE.get_or_init(|| Table::new(&[ROWS])).decode(code, 4, addr, &operand)
}

static CONDITIONS: [&str; 16] = [
    "eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "al", "nv",
];

fn operand(key: &str, word: &Word<'_>) -> Option<Operand> {
    let is_64 = word.bits(31, 1) == 1;
    let width = if is_64 { 64 } else { 32 };
    let core = |number: u32, is_64: bool, sp: bool| {
        let letter = if is_64 { 'x' } else { 'w' };
        match (number, sp, is_64) {
            // Reads as zero and takes nothing.
            (31, false, _) => Operand::text(format!("{letter}zr")),
            (31, true, true) => Operand::register("sp"),
            (31, true, false) => Operand::register("wsp"),
            _ => Operand::register(format!("{letter}{number}")),
        }
    };
    let hash = |value: i64| match value {
        0 => Some(Operand::Number(0, String::new())),
        value => Some(Operand::Number(value, format!(", #{value}"))),
    };
    let hex = |value: u64| Some(Operand::Number(value as i64, format!("#{value:#x}")));
    let place = |addr: u64, offset: i64| Some(Operand::Address(addr.wrapping_add_signed(offset)));
    let immediate = i64::from(word.field(b'i'));
    let (turn, last) = (word.field(b'r'), word.field(b's'));
    let letter = *key.as_bytes().last()?;
    match key {
        "d" | "n" | "m" | "a" | "t" => core(word.field(letter), is_64, false),
        "xd" | "xn" | "xm" | "xa" | "xt" | "xu" => core(word.field(letter), true, false),
        "wd" | "wn" | "wm" | "wt" | "ws" | "wu" => core(word.field(letter), false, false),
        "dsp" => core(word.field(b'd'), is_64, true),
        "nsp" => core(word.field(b'n'), is_64, true),
        "sp" => core(31, is_64, true),
        "nb" => core(word.field(b'n'), true, true),
        "imm" => hex(immediate as u64),
        "idec" => Operand::hash(immediate),
        "imm6" => Some(immediate).filter(|n| *n < width).and_then(Operand::hash),
        "nm" => (word.field(b'n') == word.field(b'm')).then(|| Operand::text(""))?,
        "nm31" => (word.field(b'n') == word.field(b'm')
            && word.field(b'n') != 31
            && word.field(b'c') < 14)
            .then(|| Operand::text(""))?,
        // N and sf must agree.
        "nz" => (word.field(b'y') == word.field(b'z') && (is_64 || (turn < 32 && last < 32)))
            .then(|| Operand::text(""))?,
        "sh12" => Operand::text(*["", ", lsl #12"].get(word.field(b'h') as usize)?),
        "sh16" => {
            let shift = word.field(b'h') * 16;
            (is_64 || shift < 32).then(|| {
                Operand::text(if shift == 0 { String::new() } else { format!(", lsl #{shift}") })
            })?
        }
        "movz" => {
            let shift = word.field(b'h') * 16;
            let usual = (is_64 || shift < 32) && (immediate != 0 || shift == 0);
            usual.then(|| hex((immediate as u64) << shift))?
        }
        "movn" => {
            let shift = word.field(b'h') * 16;
            let usual = (is_64 || shift < 32)
                && (immediate != 0 || shift == 0)
                && (is_64 || immediate != 0xffff);
            let value = !((immediate as u64) << shift);
            usual.then(|| hex(if is_64 { value } else { value & 0xffff_ffff }))?
        }
        "bits" => hex(mask(word.field(b'N'), turn, last, is_64)?),
        "bitsmov" => {
            let value = mask(word.field(b'N'), turn, last, is_64)?;
            // What one MOVZ or MOVN could say is written as ORR.
            let parts =
                |value: u64| (0..width / 16).filter(|n| value >> (n * 16) & 0xffff != 0).count();
            let whole = if is_64 { u64::MAX } else { 0xffff_ffff };
            (parts(value) > 1 && parts(!value & whole) > 1).then(|| hex(value))?
        }
        "asr" => (i64::from(last) == width - 1).then(|| Operand::hash(turn.into()))?,
        "lsl" => {
            let usual = i64::from(last) != width - 1 && last + 1 == turn;
            usual.then(|| Operand::hash(width - 1 - i64::from(last)))?
        }
        "bfx" => (last >= turn).then(|| Operand::text(format!("#{turn}, #{}", last + 1 - turn)))?,
        "bfiz" => (last < turn)
            .then(|| Operand::text(format!("#{}, #{}", width - i64::from(turn), last + 1)))?,
        "shift" | "shift3" => {
            let kind = word.field(b'h');
            let usual = immediate < width && (key == "shift" || kind != 3);
            let name = *["lsl", "lsr", "asr", "ror"].get(kind as usize)?;
            usual.then(|| match (kind, immediate) {
                (0, 0) => Operand::text(""),
                _ => Operand::text(format!(", {name} #{immediate}")),
            })?
        }
        "mext" => {
            let (option, number) = (word.field(b'o'), word.field(b'm'));
            let (Operand::Register(name) | Operand::Text(name)) =
                core(number, is_64 && option & 3 == 3, false)?
            else {
                return None;
            };
            // "lsl" where the stack pointer is in it and nothing is extended.
            let sp = word.bits(5, 5) == 31 || (word.bits(0, 5) == 31 && word.bits(29, 1) == 0);
            let extend = match option == if is_64 { 3 } else { 2 } && sp {
                true if immediate == 0 => String::new(),
                true => ", lsl".into(),
                false => format!(", {}", EXTENDS.get(option as usize)?),
            };
            let amount = if immediate == 0 { String::new() } else { format!(" #{immediate}") };
            (immediate <= 4).then(|| Operand::text(format!("{name}{extend}{amount}")))?
        }
        "mx" => (word.field(b'o') & 3 == 2)
            .then(|| core(word.field(b'm'), false, false))
            .or_else(|| (word.field(b'o') == 7).then(|| core(word.field(b'm'), true, false)))?,
        "c" => Operand::text(*CONDITIONS.get(word.field(b'c') as usize)?),
        "cinv" => (word.field(b'c') < 14)
            .then(|| Operand::text(*CONDITIONS.get((word.field(b'c') ^ 1) as usize)?))?,
        "nzcv" => hex(word.field(b'f').into()),
        "b" => {
            let offset = word.signed(b'i') << 2;
            place(word.addr, offset)
        }
        "tbit" => Operand::hash((word.field(b'z') << 5 | word.field(b'o')).into()),
        "adr" => place(word.addr, word.joined_signed(&[(5, 19), (29, 2)])),
        "adrp" => place(word.addr & !0xfff, word.joined_signed(&[(5, 19), (29, 2)]) << 12),
        "barrier" => Operand::text(match word.field(b'i') {
            15 => "sy".into(),
            14 => "st".into(),
            13 => "ld".into(),
            11 => "ish".into(),
            10 => "ishst".into(),
            9 => "ishld".into(),
            7 => "nsh".into(),
            6 => "nshst".into(),
            5 => "nshld".into(),
            3 => "osh".into(),
            2 => "oshst".into(),
            1 => "oshld".into(),
            other => format!("#{other:#04x}"),
        }),
        "sys" => Operand::text(system(word.bits(5, 16))),
        "prf" => Operand::text(
            *PREFETCHES.get(word.field(b't') as usize).filter(|name| !name.is_empty())?,
        ),
        "p1" => Operand::hash(word.signed(b'i')),
        "p4" | "p8" | "p16" => {
            Operand::hash(word.signed(b'i') * key.get(1..)?.parse::<i64>().ok()?)
        }
        "o1" | "o4" | "o8" | "o16" => hash(word.signed(b'i') * key.get(1..)?.parse::<i64>().ok()?),
        "u1" | "u2" | "u4" | "u8" | "u16" => hash(immediate * key.get(1..)?.parse::<i64>().ok()?),
        "sc0" | "sc1" | "sc2" | "sc3" | "sc4" => {
            let amount = key.get(2..)?.parse::<i64>().ok()? * i64::from(word.field(b'j'));
            // A byte that is shifted by nothing says so.
            let text = match (amount, word.field(b'j')) {
                (0, 0) => String::new(),
                (amount, _) => format!(", lsl #{amount}"),
            };
            Some(Operand::Number(amount, text))
        }
        "mxsc0" | "mxsc1" | "mxsc2" | "mxsc3" | "mxsc4" => {
            let amount = key.get(4..)?.parse::<i64>().ok()?;
            let extend = EXTENDS.get(word.field(b'o') as usize)?;
            Operand::text(if word.field(b'j') == 1 {
                format!(", {extend} #{amount}")
            } else {
                format!(", {extend}")
            })
        }
        _ if key.starts_with('f') && key.len() == 3 => {
            let kind = char::from(*key.as_bytes().get(1)?);
            Operand::register(format!("{kind}{}", word.field(letter)))
        }
        _ => None,
    }
}

static EXTENDS: [&str; 8] = ["uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx"];

static PREFETCHES: [&str; 32] = [
    "pldl1keep",
    "pldl1strm",
    "pldl2keep",
    "pldl2strm",
    "pldl3keep",
    "pldl3strm",
    "",
    "",
    "plil1keep",
    "plil1strm",
    "plil2keep",
    "plil2strm",
    "plil3keep",
    "plil3strm",
    "",
    "",
    "pstl1keep",
    "pstl1strm",
    "pstl2keep",
    "pstl2strm",
    "pstl3keep",
    "pstl3strm",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
];

/// DecodeBitMasks: the immediate of a logical instruction.
fn mask(n: u32, turn: u32, last: u32, is_64: bool) -> Option<u64> {
    let length = 31u32.checked_sub((n << 6 | !last & 0x3f).leading_zeros())?;
    let size = 1u32.checked_shl(length).filter(|size| *size >= 2 && (is_64 || n == 0))?;
    let (ones, turn) = ((last & (size - 1)) + 1, turn & (size - 1));
    (ones != size).then_some(())?;
    let element = (1u64 << ones) - 1;
    let all = if size == 64 { u64::MAX } else { (1 << size) - 1 };
    let turned =
        if turn == 0 { element } else { (element >> turn | element << (size - turn)) & all };
    let value = (0..64 / size).fold(0, |value, at| value | turned << (at * size));
    Some(if is_64 { value } else { value & 0xffff_ffff })
}

/// System registers by op0, op1, CRn, CRm and op2.
fn system(number: u32) -> String {
    #[rustfmt::skip]
    static NAMED: &[(u32, &str)] = &[
        (0xc000, "midr_el1"), (0xc005, "mpidr_el1"), (0xc006, "revidr_el1"), (0xc080, "sctlr_el1"),
        (0xc081, "actlr_el1"), (0xc082, "cpacr_el1"), (0xc100, "ttbr0_el1"), (0xc101, "ttbr1_el1"),
        (0xc102, "tcr_el1"), (0xc200, "spsr_el1"), (0xc201, "elr_el1"), (0xc208, "sp_el0"), (0xc210, "spsel"),
        (0xc212, "currentel"), (0xc230, "icc_pmr_el1"), (0xc288, "afsr0_el1"), (0xc289, "afsr1_el1"),
        (0xc290, "esr_el1"), (0xc300, "far_el1"), (0xc3a0, "par_el1"), (0xc510, "mair_el1"), (0xc518, "amair_el1"),
        (0xc600, "vbar_el1"), (0xc608, "isr_el1"), (0xc681, "contextidr_el1"), (0xc684, "tpidr_el1"),
        (0xc708, "cntkctl_el1"), (0xc659, "icc_dir_el1"), (0xc65b, "icc_rpr_el1"), (0xc660, "icc_iar1_el1"),
        (0xc661, "icc_eoir1_el1"), (0xc665, "icc_sre_el1"), (0xc667, "icc_igrpen1_el1"), (0xc65d, "icc_sgi1r_el1"),
        (0xda10, "nzcv"), (0xda11, "daif"), (0xda20, "fpcr"), (0xda21, "fpsr"), (0xd801, "ctr_el0"),
        (0xd807, "dczid_el0"), (0xde82, "tpidr_el0"), (0xde83, "tpidrro_el0"), (0xdf00, "cntfrq_el0"),
        (0xdf01, "cntpct_el0"), (0xdf02, "cntvct_el0"), (0xdf10, "cntp_tval_el0"), (0xdf11, "cntp_ctl_el0"),
        (0xdf12, "cntp_cval_el0"), (0xdf18, "cntv_tval_el0"), (0xdf19, "cntv_ctl_el0"), (0xdf1a, "cntv_cval_el0"),
        (0xe080, "sctlr_el2"), (0xe088, "hcr_el2"), (0xe08a, "cptr_el2"), (0xe08f, "hacr_el2"), (0xe200, "spsr_el2"),
        (0xe201, "elr_el2"), (0xe208, "sp_el1"), (0xe290, "esr_el2"), (0xe300, "far_el2"), (0xe600, "vbar_el2"),
        (0xe703, "cntvoff_el2"), (0xe708, "cnthctl_el2"), (0xe000, "vpidr_el2"), (0xe005, "vmpidr_el2"),
        (0xf080, "sctlr_el3"), (0xf088, "scr_el3"), (0xf08a, "cptr_el3"), (0xf200, "spsr_el3"), (0xf201, "elr_el3"),
        (0xf208, "sp_el2"), (0xf290, "esr_el3"), (0xf300, "far_el3"), (0xf600, "vbar_el3"), (0xf665, "icc_sre_el3"),
        (0xe64d, "icc_sre_el2"), (0xc020, "id_aa64pfr0_el1"), (0xc038, "id_aa64mmfr0_el1"),
        (0xc030, "id_aa64isar0_el1"),
    ];
    match NAMED.iter().find(|(n, _)| *n == number) {
        Some((_, name)) => (*name).to_string(),
        None => format!(
            "s{}_{}_c{}_c{}_{}",
            number >> 14,
            number >> 11 & 7,
            number >> 7 & 15,
            number >> 3 & 15,
            number & 7
        ),
    }
}
