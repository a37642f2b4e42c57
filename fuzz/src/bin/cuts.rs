#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fast_langgraph_fuzz::cuts::check(data));
