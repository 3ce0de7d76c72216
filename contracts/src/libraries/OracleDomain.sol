// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The one EIP-712 domain of the oracle network. Reports, quotes, keys and settlements are all signed under
/// the registry's address, whichever contract checks them.
library OracleDomain {
    string internal constant NAME = "IO Oracle";
    string internal constant VERSION = "1";

    bytes32 private constant TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    /// @notice The domain separator of `registry` on this chain, now. A fork with another chain id gets another one.
    function separator(address registry) internal view returns (bytes32) {
        return keccak256(
            abi.encode(TYPEHASH, keccak256(bytes(NAME)), keccak256(bytes(VERSION)), block.chainid, registry)
        );
    }

    /// @notice keccak256(0x19 0x01 ‖ domainSeparator ‖ structHash).
    function digest(bytes32 domainSeparator, bytes32 structHash) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            // 66 bytes at 0x1e: the last two touch the free memory pointer, which is put back.
            let freePointer := mload(0x40)
            mstore(0x00, 0x1901)
            mstore(0x20, domainSeparator)
            mstore(0x40, structHash)
            result := keccak256(0x1e, 0x42)
            mstore(0x40, freePointer)
        }
    }
}
