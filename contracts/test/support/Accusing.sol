// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Quote, Signature} from "../../src/interfaces/IOracleRegistry.sol";
import {OracleDomain} from "../../src/libraries/OracleDomain.sol";
import {Network} from "./Network.sol";

/// @notice Proves of members that they signed two prices for one round.
abstract contract Accusing is Network {
    bytes32 internal constant QUOTE_TYPEHASH = keccak256(
        "Quote(uint32 keyEpoch,bytes32 feedId,uint40 round,uint80 price,uint16 confidence,uint40 observedAt,bytes32 sourcesRoot)"
    );

    function quote(uint80 price) internal view returns (Quote memory) {
        return quote(price, registry.state().newest.keyEpoch);
    }

    function quote(uint80 price, uint32 keyEpoch) internal pure returns (Quote memory) {
        return Quote({
            keyEpoch: keyEpoch,
            feedId: FEED_ID,
            round: uint40(START * 10),
            price: price,
            confidence: 10,
            observedAt: uint40(START),
            sourcesRoot: keccak256("sources")
        });
    }

    function sign(uint256 slot, Quote memory q) internal view returns (Signature memory) {
        bytes32 structHash = keccak256(
            abi.encode(
                QUOTE_TYPEHASH,
                q.keyEpoch,
                q.feedId,
                q.round,
                q.price,
                q.confidence,
                q.observedAt,
                q.sourcesRoot
            )
        );
        return compact(memberSecret(slot), OracleDomain.digest(registry.DOMAIN_SEPARATOR(), structHash));
    }

    function accuse(uint256 slot) internal {
        accuse(slot, registry.state().newest.keyEpoch);
    }

    function accuse(uint256 slot, uint32 keyEpoch) internal {
        (Quote memory a, Quote memory b) = (quote(2e18, keyEpoch), quote(3e18, keyEpoch));
        registry.suspendEquivocator(a, sign(slot, a), b, sign(slot, b));
    }
}
