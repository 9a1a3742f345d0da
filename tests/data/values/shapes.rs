//! Values of every kind that Rust has, for two debuggers to show: built natively with fat
//! link-time optimisation, stopped in `crash`.

use std::hint::black_box;

#[derive(Clone, Copy)]
pub enum Plain {
    One = 1,
    Seven = 7,
}

#[derive(Clone)]
pub enum Message {
    Quit,
    Move { x: i32, y: i32 },
    Write(&'static str),
    Pair(u8, Option<u16>),
}

pub struct Unit;
pub struct Wrapper(u32, Unit);

pub struct Node {
    id: u64,
    next: Option<Box<Node>>,
    message: Message,
    plain: Plain,
    wrapper: Wrapper,
    pair: (bool, char),
    floats: [f32; 3],
    bytes: [u8; 12],
    name: &'static str,
    result: Result<i8, ()>,
    big: u128,
    small: Option<std::num::NonZeroU32>,
}

static MESSAGES: [Message; 4] =
    [Message::Quit, Message::Move { x: -1, y: 2 }, Message::Write("hello"), Message::Pair(3, Some(4))];
static COUNTS: [[i16; 3]; 2] = [[1, 2, 3], [-4, -5, -6]];
static mut HITS: u32 = 41;

#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn crash(code: u32) {
    black_box(code);
}

#[inline(never)]
pub fn visit(node: &Node, message: Message, depth: u32) -> u64 {
    let copy = black_box((message.clone(), depth, 'é'));
    let slice = black_box(&COUNTS[1][..]);
    crash(depth);
    node.id + u64::from(copy.1) + slice.len() as u64
}

#[inline(never)]
pub fn start(depth: u32) -> u64 {
    let last = Node {
        id: 2,
        next: None,
        message: Message::Quit,
        plain: Plain::One,
        wrapper: Wrapper(1, Unit),
        pair: (false, 'z'),
        floats: [0.0; 3],
        bytes: [0; 12],
        name: "",
        result: Err(()),
        big: 1,
        small: None,
    };
    let node = black_box(Node {
        id: 1,
        next: Some(Box::new(last)),
        message: Message::Write("text"),
        plain: Plain::Seven,
        wrapper: Wrapper(5, Unit),
        pair: (true, '\n'),
        floats: [0.5, -1.25, 3.0e20],
        bytes: *b"hello world\0",
        name: "a node",
        result: Ok(-3),
        big: u128::MAX - 1,
        small: std::num::NonZeroU32::new(9),
    });
    // SAFETY: there is one thread.
    unsafe { HITS += 1 };
    let sum = visit(&node, MESSAGES[depth as usize].clone(), depth);
    black_box(&node);
    sum
}

fn main() {
    let depth = std::env::args().count() as u32;
    std::process::exit(start(depth) as i32 + COUNTS[0][0] as i32);
}
