//! What has to be laid out in the program itself: handler, stack, vectors, tags.

/// Names the function that handles a crash, and reserves the stack that it runs on.
///
/// ```
/// coroner_capture::on_crash!(crashed, stack: 2048);
/// fn crashed(_crash: &coroner_capture::Crash<'_>) -> ! {
///     // Write the dump, then reset.
///     loop {}
/// }
/// ```
///
/// RISC-V has no common way to reset the chip: `on_crash!(crashed, stack: 4096, reset: reset_chip)` names
/// the function for it (`fn() -> !`), which then also ends what the capture can't finish.
#[macro_export]
macro_rules! on_crash {
    ($handler:path, stack: $bytes:expr, reset: $reset:path) => {
        $crate::on_crash!($handler, stack: $bytes);
        const _: () = {
            #[unsafe(no_mangle)]
            extern "C" fn coroner_platform_reset() -> ! {
                $reset()
            }
        };
    };
    ($handler:path, stack: $bytes:expr) => {
        const _: () = {
            #[unsafe(no_mangle)]
            fn coroner_on_crash(crash: &$crate::Crash<'_>) -> ! {
                STACK.is_large_enough();
                $handler(crash)
            }

            #[unsafe(link_section = ".uninit.coroner_stack")]
            static STACK: $crate::arch::state::Stack<{ $bytes }> =
                $crate::arch::state::Stack::new();

            #[unsafe(no_mangle)]
            static CORONER_STACK_TOP: $crate::arch::state::Top = STACK.top();
            #[unsafe(no_mangle)]
            static CORONER_STACK_BOTTOM: $crate::arch::state::Top = STACK.bottom();
        };
    };
}

/// Puts the entry code into exception vectors of a Cortex-M, under the names that the start-up code
/// gives them: `vectors!(HardFault, MemoryManagement, BusFault, UsageFault)`.
#[macro_export]
macro_rules! vectors {
    ($($name:ident),+ $(,)?) => {
        $(
            ::core::arch::global_asm!(
                concat!(".section .text.", stringify!($name), ",\"ax\",%progbits"),
                concat!(".global ", stringify!($name)),
                concat!(".type ", stringify!($name), ", %function"),
                ".thumb_func",
                concat!(stringify!($name), ":"),
                "ldr r0, =coroner_trap",
                "bx r0",
                ".ltorg",
            );
        )+
    };
}

/// Tags variables, so that a dump holds them whatever else it has room for; or never.
///
/// ```
/// use core::sync::atomic::AtomicU32;
/// coroner_capture::tagged! {
///     /// In ordinary memory, initialised at start-up.
///     dram: pub static LAST_ERROR: AtomicU32 = AtomicU32::new(0);
///     /// Left alone by the start-up code: the value here is not used.
///     noinit: static BOOTS: AtomicU32 = AtomicU32::new(0);
///     /// In memory that outlives deep sleep.
///     rtc: static WAKE_UPS: AtomicU32 = AtomicU32::new(0);
///     /// In no dump: `linker::SECRET` among the exclusions.
///     secret: static KEY: [AtomicU32; 4] = [const { AtomicU32::new(0) }; 4];
/// }
/// ```
/// Nobody initialises a `noinit` variable, and an `rtc` one not before the program does: their types
/// must be such that any bytes are a value ([`AnyBits`](crate::arch::kept::AnyBits)).
///
/// ```compile_fail
/// coroner_capture::tagged! {
///     noinit: static NAME: &str = "what lies there is no reference";
/// }
/// ```
/// The linker fragments in `link/` say where all of them lie. `rtc` and `rtc_fast` need one of their
/// own each, and [`crate::arch::linker::initialise_rtc`] and its like.
#[macro_export]
macro_rules! tagged {
    ($($(#[$attribute:meta])* $tag:ident: $visibility:vis static $name:ident: $type:ty = $value:expr;)+) => {
        $($crate::tagged!(@one $tag, { $(#[$attribute])* }, { $visibility static $name: $type = $value; });)+
    };
    (@one dram, $attributes:tt, $item:tt) => {
        $crate::tagged!(@in ".coredump.dram", $attributes, $item);
    };
    (@one noinit, $attributes:tt, $item:tt) => {
        $crate::tagged!(@any $item);
        $crate::tagged!(@in ".coredump.noinit", $attributes, $item);
    };
    (@one rtc, $attributes:tt, $item:tt) => {
        $crate::tagged!(@any $item);
        $crate::tagged!(@in ".coredump.rtc", $attributes, $item);
    };
    (@one rtc_fast, $attributes:tt, $item:tt) => {
        $crate::tagged!(@any $item);
        $crate::tagged!(@in ".coredump.rtc_fast", $attributes, $item);
    };
    (@one secret, $attributes:tt, $item:tt) => {
        $crate::tagged!(@in ".coredump.secret", $attributes, $item);
    };
    // What lies there at the start must be a value of the type, whatever it is.
    (@any { $visibility:vis static $name:ident: $type:ty = $value:expr; }) => {
        const _: () = {
            const fn any_bits<T: $crate::arch::kept::AnyBits>() {}
            any_bits::<$type>()
        };
    };
    (@in $section:literal, { $(#[$attribute:meta])* }, { $($item:tt)+ }) => {
        $(#[$attribute])* #[unsafe(link_section = $section)] #[used] $($item)+
    };
}

/// Makes the entry code riscv-rt's trap handler (`_start_trap`): exceptions are crashes, interrupts
/// go on to the one that riscv-rt brings along. With several harts: `trap_vector!(harts)`, and
/// [`harts!`](crate::harts).
#[macro_export]
macro_rules! trap_vector {
    () => {
        ::core::arch::global_asm!(
            ".section .trap.start.coroner, \"ax\", @progbits",
            ".global _start_trap",
            ".type _start_trap, @function",
            ".balign 4",
            "_start_trap:",
            "csrw mscratch, t0",
            "csrr t0, mcause",
            "bltz t0, 1f",
            "csrr t0, mscratch",
            "j coroner_trap",
            "1: csrr t0, mscratch",
            "j _default_start_trap",
        );
    };
    (harts) => {
        ::core::arch::global_asm!(
            ".section .trap.start.coroner, \"ax\", @progbits",
            ".global _start_trap",
            ".type _start_trap, @function",
            ".balign 4",
            "_start_trap:",
            "csrw mscratch, t0",
            "csrr t0, mcause",
            "bgez t0, 1f",
            // An interrupt: while some hart captures, it is the call to stop.
            "la t0, CORONER_CLAIM",
            "lw t0, 0(t0)",
            "addi t0, t0, -{captures}",
            "beqz t0, 1f",
            "csrr t0, mscratch",
            "j _default_start_trap",
            "1: csrr t0, mscratch",
            "j coroner_trap_hart",
            captures = const $crate::arch::harts::SOME_HART_CAPTURES,
        );
    };
}

/// Gives each of up to 8 harts a place for its registers, by its `mhartid`, and defines the entry
/// code `coroner_trap_hart` that uses them: see [`arch::harts`](crate::arch).
///
/// ```
/// # #[cfg(target_arch = "riscv32")] mod there_are_harts_on_risc_v_alone {
/// coroner_capture::harts!(static HARTS: 2);
/// coroner_capture::trap_vector!(harts);
/// # }
/// ```
#[macro_export]
macro_rules! harts {
    ($visibility:vis static $name:ident: $harts:literal) => {
        #[unsafe(export_name = "CORONER_HARTS")]
        $visibility static $name: $crate::arch::harts::Harts<$harts> =
            $crate::arch::harts::Harts::new();
        ::core::arch::global_asm!(
            ".section .text.coroner_trap_hart, \"ax\", @progbits",
            ".global coroner_trap_hart",
            ".type coroner_trap_hart, @function",
            ".balign 4",
            "coroner_trap_hart:",
            "csrw mscratch, t0",
            "csrr t0, mhartid",
            // One register is all there is: so the place is found by counting down.
            ".irp n, 0,1,2,3,4,5,6,7",
            ".if \\n < {harts}",
            "bnez t0, 1f",
            "la t0, CORONER_HARTS + \\n * {place}",
            "j coroner_trap_into",
            "1: addi t0, t0, -1",
            ".endif",
            ".endr",
            // A hart without a place does not disturb the others.
            "2: wfi",
            "j 2b",
            harts = const $harts,
            place = const $crate::arch::harts::PLACE,
        );
    };
}

/// Reserves memory that outlives a reset, for [`crate::sink::retained::Retained`].
///
/// ```
/// use coroner_capture::sink::retained::Retained;
/// coroner_capture::retained!(static AREA: 4096);
/// let waiting = Retained::open(&AREA);
/// ```
#[macro_export]
macro_rules! retained {
    ($visibility:vis static $name:ident: $bytes:expr) => {
        $visibility static $name: $crate::arch::kept::Kept = {
            #[unsafe(link_section = ".uninit.coroner_retained")]
            #[used]
            static ROOM: $crate::arch::kept::Room<{ $bytes }> = $crate::arch::kept::Room::new();
            ROOM.kept()
        };
    };
}
