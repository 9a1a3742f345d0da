//! Reading dumps: one module for each format, and what is common to all.

#[path = "../support/mod.rs"]
mod support;

mod archives;
mod cm_backtrace;
mod cores;
mod crashcatcher;
mod damage;
mod detection;
mod duet;
mod esp8266;
mod esp8266_firmware;
mod esp8266_rtos;
mod esp_idf;
mod esp_idf_damage;
mod esp_idf_tasks;
mod esp_panic;
mod fit;
mod hubris;
mod hubris_areas;
mod logs;
mod mbed;
mod mbed_crash_data;
mod mcoredump;
mod memfault;
mod mongoose;
mod nuttx;
mod other_programs;
mod pebble;
mod probe_rs;
mod published;
mod px4;
mod same_crash;
mod sifli;
mod stackdump;
mod texts;
mod zephyr;
mod zephyr_damage;
mod zephyr_registers;
