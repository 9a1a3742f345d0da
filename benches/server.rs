//! The server over loopback, as a client without any work of its own sees it: round trips, and
//! memory by `m` and `x`.
//!
//! `cargo bench --bench server`. `scripts/bench-server` puts real debuggers beside it.

#[path = "../tests/support/mod.rs"]
mod support;

use coroner::memory::Region;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::io::{Read, Write};
use std::net::TcpStream;
use support::server::{Server, packet, riscv};

const BASE: u64 = 0x8000_0000;
const LEN: usize = 16 << 20;

/// 16 MiB of noise, or of zeros, and with `many` as many regions of 256 bytes beside them.
fn server(noise: bool, many: u64) -> Server {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if noise { (state >> 24) as u8 } else { 0 }
    };
    let mut dump = riscv();
    let bytes: Vec<u8> = (0..LEN).map(|_| random()).collect();
    dump.memory.insert(Region::dumped(BASE, bytes.into()));
    for n in 0..many {
        dump.memory.insert(Region::dumped(0x1000_0000 + n * 512, vec![1; 256].into()));
    }
    Server::of(dump)
}

/// A client that does nothing but wait for the end of each reply.
struct Raw {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Raw {
    fn of(server: &Server) -> Self {
        let mut client = server.connect();
        client.ask("qSupported:binary-upload+");
        client.ask("QStartNoAckMode");
        Raw { stream: client.stream, buffer: vec![0; 1 << 18] }
    }

    /// Sends a framed request and waits for the reply; returns its length.
    fn exchange(&mut self, request: &[u8]) -> usize {
        self.stream.write_all(request).expect("the server takes it");
        let mut len = 0;
        loop {
            len += self.stream.read(&mut self.buffer[len..]).expect("the server replies");
            if len >= 3 && self.buffer[len - 3] == b'#' {
                return len;
            }
        }
    }
}

fn round_trips(c: &mut Criterion) {
    let mut group = c.benchmark_group("round trip");
    for (name, many) in [("4 bytes", 0), ("4 bytes beside 100000 regions", 100_000)] {
        let server = server(true, many);
        let mut raw = Raw::of(&server);
        let request = packet("m80001000,4");
        group.bench_function(name, |b| b.iter(|| raw.exchange(&request)));
    }
    let server = server(true, 0);
    let mut raw = Raw::of(&server);
    for request in ["g", "p20", "Hgp1.1", "qC"] {
        let request_packet = packet(request);
        group.bench_function(request, |b| b.iter(|| raw.exchange(&request_packet)));
    }
    group.finish();
}

fn memory(c: &mut Criterion) {
    let mut group = c.benchmark_group("memory");
    for (content, noise) in [("noise", true), ("zeros", false)] {
        let server = server(noise, 0);
        let mut raw = Raw::of(&server);
        for (kind, len) in [("x", 0xf000), ("x", 0x4000), ("m", 0x7f00)] {
            group.throughput(Throughput::Bytes(LEN as u64));
            let requests: Vec<Vec<u8>> = (0..LEN as u64)
                .step_by(len as usize)
                .map(|at| packet(format!("{kind}{:x},{:x}", BASE + at, len.min(LEN as u64 - at))))
                .collect();
            group.bench_function(format!("{kind} of {len} bytes, {content}"), |b| {
                b.iter(|| requests.iter().map(|request| raw.exchange(request)).sum::<usize>());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, round_trips, memory);
criterion_main!(benches);
