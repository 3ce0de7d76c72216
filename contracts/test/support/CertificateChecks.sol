// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOracleRegistry, Signature} from "../../src/interfaces/IOracleRegistry.sol";
import {Schnorr} from "../../src/libraries/Schnorr.sol";

/// @notice Many certificates in one call: what the contracts say of each. Domains are part of a claim, so that what was
/// signed for another chain or registry can be shown to this one.
contract CertificateChecks {
    struct Domain {
        uint256 chainId;
        address registry;
    }

    struct GroupClaim {
        Domain domain;
        bytes32 feedId;
        uint256 word;
        uint256 px;
        address r;
        uint256 s;
    }

    struct QuorumClaim {
        Domain domain;
        bytes32 feedId;
        uint256 word;
        Signature[] signatures;
    }

    function checkGroup(GroupClaim[] calldata claims) external view returns (bool[] memory holds) {
        holds = new bool[](claims.length);
        for (uint256 i = 0; i < claims.length; ++i) {
            GroupClaim calldata claim = claims[i];
            holds[i] =
                Schnorr.verify(claim.px, _digest(claim.domain, claim.feedId, claim.word), claim.r, claim.s);
        }
    }

    /// @param registry The real one: its list of members decides.
    function checkQuorum(IOracleRegistry registry, QuorumClaim[] calldata claims)
        external
        view
        returns (bool[] memory holds)
    {
        holds = new bool[](claims.length);
        for (uint256 i = 0; i < claims.length; ++i) {
            QuorumClaim calldata claim = claims[i];
            bytes32 digest = _digest(claim.domain, claim.feedId, claim.word);
            try registry.verifyQuorum(digest, claim.signatures) {
                holds[i] = true;
            } catch {
                // Refused, for whatever reason.
            }
        }
    }

    function _digest(Domain calldata domain, bytes32 feedId, uint256 word) private pure returns (bytes32) {
        bytes32 separator = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("IO Oracle"),
                keccak256("1"),
                domain.chainId,
                domain.registry
            )
        );
        bytes32 report = keccak256(abi.encode(keccak256("Report(bytes32 feedId,uint256 word)"), feedId, word));
        return keccak256(abi.encodePacked(hex"1901", separator, report));
    }
}
