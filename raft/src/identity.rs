//! Who a member of the quorum is.

/// A node and the directory that holds its log. A node that lost its directory is another member: what it voted is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// `node.id`.
    pub node_id: i32,
    /// `directory.id` of the directory's `meta.properties`.
    pub directory_id: [u8; 16],
}

impl Identity {
    /// The number that raft knows the member by: never 0, which raft keeps for "nobody", and never the same for another directory.
    pub fn raft_id(&self) -> u64 {
        let (high, low) = self.directory_id.split_at(8);
        let mut id = mix(u64::from_be_bytes(high.try_into().expect("8 of 16 bytes")));
        id = mix(id ^ u64::from_be_bytes(low.try_into().expect("8 of 16 bytes")));
        mix(id ^ u64::from(self.node_id as u32)).max(1)
    }
}

/// The finaliser of splitmix64: every bit of the input moves every bit of the output.
pub(crate) const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_zero_has_a_number_and_another_directory_another_number() {
        let zero = Identity { node_id: 0, directory_id: [0; 16] };
        let other_node = Identity { node_id: 1, ..zero };
        let other_directory = Identity { directory_id: [1; 16], ..zero };
        let ids = [zero, other_node, other_directory].map(|identity| identity.raft_id());
        assert!(ids.iter().all(|id| *id != 0));
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2], "{ids:?}");
    }
}
