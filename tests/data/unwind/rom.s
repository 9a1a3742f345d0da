# The calls of ESP32-C3's ROM that its core dump was taken in: a table of jumps, ets_printf that calls
# ets_vprintf, which calls what its caller gave it. Made here; only the addresses are the ROM's.
.section .table, "ax"
.globl ets_printf_entry
ets_printf_entry:
    .option norvc
    j ets_printf

.section .code, "ax"
.globl ets_vprintf
.type ets_vprintf, @function
ets_vprintf:
    .space 0x1e2
    .option rvc
    c.jalr s6                   # returns to 0x400485e4
    .space 0x100
.size ets_vprintf, . - ets_vprintf
.globl ets_printf
.type ets_printf, @function
ets_printf:
    .space 0x3a
    .option norvc
    jal ra, ets_vprintf         # returns to 0x40048722
    .space 0x10
.size ets_printf, . - ets_printf
