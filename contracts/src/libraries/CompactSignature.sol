// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature} from "../interfaces/IOracleRegistry.sol";

/// @notice Identity signatures: ECDSA over secp256k1 in the 64-byte form of EIP-2098.
library CompactSignature {
    /// @notice Half the group's order: the highest s that is accepted, so that a signature has one encoding.
    uint256 private constant HALF_Q = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// @notice The account that signed `digest`, or zero when the signature is invalid or its s is high.
    function recover(bytes32 digest, Signature calldata signature) internal view returns (address signer) {
        assembly ("memory-safe") {
            let pointer := mload(0x40)
            let yParityAndS := calldataload(add(signature, 0x20))
            let s := shr(1, shl(1, yParityAndS))
            mstore(pointer, digest)
            mstore(add(pointer, 0x20), add(27, shr(255, yParityAndS)))
            mstore(add(pointer, 0x40), calldataload(signature))
            mstore(add(pointer, 0x60), s)
            // An invalid input succeeds without writing an answer, so the answer's place is cleared first.
            mstore(0x00, 0)
            if iszero(gt(s, HALF_Q)) { pop(staticcall(gas(), 0x01, pointer, 0x80, 0x00, 0x20)) }
            signer := mload(0x00)
        }
    }
}
