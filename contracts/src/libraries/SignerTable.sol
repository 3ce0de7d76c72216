// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The members' addresses with their slots, ascending, kept as the code of an account: one cold account access
/// for all members, where a mapping would cost a cold storage read for each signer.
///
///     ┌──────┬─────────────┬────────┬─────────────┬────────┬ …
///     │ STOP │ address 160 │ slot 8 │ address 160 │ slot 8 │
///     └──────┴─────────────┴────────┴─────────────┴────────┴ …
library SignerTable {
    /// @notice The table could not be stored.
    error TableNotStored();

    uint256 private constant ENTRY_BYTES = 21;

    /// @notice Stores the table of `identities`, whose slots are their indices; zeros are left out. At most 256.
    function store(address[] memory identities) internal returns (address table) {
        uint256[] memory entries = new uint256[](identities.length);
        uint256 count = 0;
        // Insertion sort: at most 128 entries, once in the life of a set.
        for (uint256 i = 0; i < identities.length; ++i) {
            if (identities[i] == address(0)) continue;
            uint256 entry = (uint256(uint160(identities[i])) << 8) | i;
            uint256 j = count;
            for (; j > 0 && entries[j - 1] > entry; --j) {
                entries[j] = entries[j - 1];
            }
            entries[j] = entry;
            ++count;
        }
        // A word is written at the last entry, past its 21 bytes.
        bytes memory code = new bytes(1 + count * ENTRY_BYTES + 32);
        assembly ("memory-safe") {
            let at := add(code, 0x21)
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                mstore(at, shl(88, mload(add(add(entries, 0x20), shl(5, i)))))
                at := add(at, ENTRY_BYTES)
            }
            mstore(code, sub(at, add(code, 0x20)))
        }
        // PUSH2 length · DUP1 · PUSH1 10 · RETURNDATASIZE · CODECOPY · RETURNDATASIZE · RETURN: returns what follows.
        bytes memory initcode = abi.encodePacked(hex"61", uint16(code.length), hex"80600a3d393df3", code);
        assembly ("memory-safe") {
            table := create(0, add(initcode, 0x20), mload(initcode))
        }
        require(table != address(0), TableNotStored());
    }

    /// @notice Copies the table into memory.
    /// @return cursor The memory position of the first entry.
    /// @return end The position behind the last one.
    function load(address table, uint256 entries) internal view returns (uint256 cursor, uint256 end) {
        assembly ("memory-safe") {
            cursor := mload(0x40)
            let size := mul(entries, ENTRY_BYTES)
            extcodecopy(table, cursor, 1, size)
            end := add(cursor, size)
            // A word is read at the last entry, past its 21 bytes.
            mstore(0x40, and(add(end, 0x3f), not(0x1f)))
        }
    }

    /// @notice Walks on from `cursor` to `signer`. Signers come in ascending order, so one walk serves all of them.
    /// @return next The position behind the signer, or of the first entry above it.
    /// @return slotBit 1 << slot, or zero when the signer is not in the rest of the table.
    function find(uint256 cursor, uint256 end, address signer) internal pure returns (uint256 next, uint256 slotBit) {
        assembly ("memory-safe") {
            signer := shr(96, shl(96, signer))
            for {} lt(cursor, end) { cursor := add(cursor, ENTRY_BYTES) } {
                let entry := mload(cursor)
                let identity := shr(96, entry)
                if iszero(lt(identity, signer)) {
                    if eq(identity, signer) {
                        slotBit := shl(byte(20, entry), 1)
                        cursor := add(cursor, ENTRY_BYTES)
                    }
                    break
                }
            }
            next := cursor
        }
    }
}
