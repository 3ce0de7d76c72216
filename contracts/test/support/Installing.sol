// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GroupKeys} from "../../src/interfaces/IGroupKeyConsumer.sol";
import {IOracleRegistry, Member} from "../../src/interfaces/IOracleRegistry.sol";
import {EpochReport} from "../../src/interfaces/ISettlement.sol";
import {Accusing} from "./Accusing.sol";
import {Economy} from "./Economy.sol";

/// @notice A network whose timelock replaces the members: persons 0 to 3 have a key, and persons 10 to 13 take their
/// slots.
abstract contract Installing is Economy, Accusing {
    uint256 internal constant INSTALLED = START + EPOCH_LENGTH_SEC;
    uint256 internal constant NEW_SECRET = GROUP_SECRET + 1;
    bytes32 internal constant DIGEST = keccak256("digest");

    function deployWithKey() internal {
        deployEconomy(0);
        rotate(GROUP_SECRET, 0);
        endEpoch(0);
    }

    function successors() internal pure returns (Member[] memory list) {
        list = new Member[](4);
        for (uint256 i = 0; i < 4; ++i) {
            list[i] = member(10 + i);
        }
    }

    function install(Member[] memory list) internal {
        vm.prank(registry.timelock());
        registry.installSet(list);
    }

    function reportUnder(uint32 keyEpoch) internal view returns (EpochReport memory report) {
        report = emptyReport();
        report.keyEpoch = keyEpoch;
        report.validUntil = type(uint40).max;
    }

    function notActive(uint256 person) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, vm.addr(memberSecret(person)));
    }

    function keysOf(uint32 keyEpoch, uint256 newest, uint256 previous, uint256 until) internal view {
        bytes32 keys = keccak256(abi.encode(GroupKeys(keyEpoch, newest, previous, uint40(until))));
        vm.assertEq(keccak256(abi.encode(feed.groupKeys())), keys);
        vm.assertEq(keccak256(abi.encode(settlement.groupKeys())), keys);
    }

    function updateBy(uint256 secret, uint256 reportWord) external {
        (address r, uint256 s) = signSchnorr(secret, feed.reportDigest(reportWord));
        feed.update(reportWord, r, s);
    }

    function settleBy(uint256 secret, EpochReport memory report) external {
        (address r, uint256 s) = signSchnorr(secret, settlement.reportDigest(report));
        settlement.settle(report, r, s);
    }
}
