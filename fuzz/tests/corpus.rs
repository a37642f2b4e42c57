//! Replays the inputs that are kept: what libFuzzer has found to take ways of their own.
use std::fs;
use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(folder).expect("the corpus") {
        check(&fs::read(entry.expect("an entry").path()).expect("an input"));
        inputs += 1;
    }
    assert!(inputs > 5, "the corpus of {target} is gone");
}

#[test]
fn the_reader_reads_what_is_kept() {
    replay("reader", fast_langgraph_fuzz::reader::check);
}

#[test]
fn what_is_kept_is_cut_in_order_and_comes_back() {
    replay("cuts", fast_langgraph_fuzz::cuts::check);
}

#[test]
fn the_states_that_are_kept_come_back() {
    replay("storing", fast_langgraph_fuzz::storing::check);
}

#[test]
fn the_recipes_that_are_kept_are_followed_or_refused() {
    replay("recipe", fast_langgraph_fuzz::recipe::check);
}
