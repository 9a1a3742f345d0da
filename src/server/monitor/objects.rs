//! `objects`: what threads wait for, who holds it, and the kernel's queues, locks and timers.

use crate::display::Lines;
use crate::record::Object;
use crate::server::client::Client;

pub(super) fn objects(client: &mut Client, _: &str) -> Lines {
    let dump = &client.served.dump;
    if dump.objects.is_empty() {
        return "No object of a known kernel is in the dump.\n".into();
    }
    let mut text = Lines::new();
    for wait in dump.waits() {
        let _ = writeln!(text, "{}", wait.words);
    }
    for object in &dump.objects {
        let words = Object::of(object).words(|block| dump.name_of(block.low()));
        let _ = writeln!(text, "{words}");
    }
    text
}
