//! Zip archives whose files are stored as they are.

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn half_words(halves: &[u16]) -> Vec<u8> {
    halves.iter().flat_map(|half| half.to_le_bytes()).collect()
}

/// The archive of `files`: names and contents.
pub(crate) fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut data, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let offset = data.len() as u32;
        let len = bytes.len() as u32;
        let sizes = [words(&[0, len, len]), half_words(&[name.len() as u16, 0])].concat();
        let local = [b"PK\x03\x04".to_vec(), half_words(&[20, 0, 0, 0, 0]), sizes.clone()];
        data.extend([local.concat(), name.clone().into_bytes(), bytes.clone()].concat());
        let entry = [b"PK\x01\x02".to_vec(), half_words(&[20, 20, 0, 0, 0, 0]), sizes].concat();
        let more = [half_words(&[0, 0, 0, 0, 0]), words(&[offset])].concat();
        directory.extend([entry, more, name.clone().into_bytes()].concat());
    }
    let count = files.len() as u16;
    let place = words(&[directory.len() as u32, data.len() as u32]);
    let end = [b"PK\x05\x06".to_vec(), half_words(&[0, 0, count, count]), place, vec![0, 0]];
    [data, directory, end.concat()].concat()
}
