//! `modules`: the ELF files in use, and how they go with the dump.

use super::session::Request;
use super::view::{Answer, View, arguments};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    #[serde(default)]
    start_module: Option<usize>,
    #[serde(default)]
    module_count: Option<usize>,
}

impl View<'_> {
    pub(super) fn modules(&mut self, request: &Request) -> Answer {
        let wanted = match request.arguments.is_null() {
            true => Wanted { start_module: None, module_count: None },
            false => arguments(request)?,
        };
        let fit = self.look.dump.identity.fit.as_ref();
        let module = |(index, module): (usize, &crate::debug_info::Module<'_>)| {
            let elf = module.elf();
            let path = crate::display::line(&elf.path).into_owned();
            let name = path.rsplit(['/', '\\']).next().unwrap_or(&path);
            let mut shown = json!({ "id": index, "name": name, "path": path });
            if let Some(id) = elf.build_id() {
                let digits: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
                shown["version"] = format!("build id {digits}").into();
            }
            // The judgement is of the firmware's file, the first.
            let status = match fit.filter(|_| index == 0) {
                Some(fit) => {
                    let evidence = fit.evidence.join("; ");
                    let words = format!("{} the dump", fit.verdict);
                    if evidence.is_empty() { words } else { format!("{words}: {evidence}") }
                }
                None => "in use".to_string(),
            };
            shown["symbolStatus"] = crate::display::line(&status).into_owned().into();
            shown
        };
        let all: Vec<Value> = self.look.modules.iter().enumerate().map(module).collect();
        let total = all.len();
        let count = wanted.module_count.filter(|count| *count > 0).unwrap_or(usize::MAX);
        let all: Vec<Value> =
            all.into_iter().skip(wanted.start_module.unwrap_or(0)).take(count).collect();
        Ok(json!({ "modules": all, "totalModules": total }))
    }
}
