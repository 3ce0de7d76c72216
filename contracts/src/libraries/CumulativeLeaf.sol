// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @notice Leaves of the trees that an epoch posts. Hashed twice, so that an inner node can never pass for a leaf.
library CumulativeLeaf {
    /// @notice Whether `account` has earned `cumulative` by `root`.
    function isRewardIn(bytes32 root, address account, uint256 cumulative, bytes32[] calldata proof)
        internal
        pure
        returns (bool)
    {
        bytes32 once = Hashes.efficientKeccak256(bytes32(uint256(uint160(account))), bytes32(cumulative));
        return MerkleProof.verifyCalldata(proof, root, _hash(once));
    }

    /// @notice Whether `payer` has spent these amounts by `root`.
    function isDebitIn(
        bytes32 root,
        address payer,
        uint256 cumulativeIosd,
        uint256 cumulativeIo,
        bytes32[] calldata proof
    ) internal pure returns (bool) {
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(payer, cumulativeIosd, cumulativeIo))));
        return MerkleProof.verifyCalldata(proof, root, leaf);
    }

    /// @dev keccak256(abi.encode(value)) without memory of its own: every claim pays for this.
    function _hash(bytes32 value) private pure returns (bytes32 result) {
        assembly ("memory-safe") {
            mstore(0x00, value)
            result := keccak256(0x00, 0x20)
        }
    }
}
