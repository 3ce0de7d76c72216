// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGroupKeyConsumer} from "../src/interfaces/IGroupKeyConsumer.sol";
import {IOracleRegistry, Member, RegistryState, Signature} from "../src/interfaces/IOracleRegistry.sol";
import {EpochReport} from "../src/interfaces/ISettlement.sol";
import {Installing} from "./support/Installing.sol";

/// @dev What the new members do, and how many of them it takes.
contract SuccessorsTest is Installing {
    function setUp() external {
        deployWithKey();
    }

    // --- the way back ---

    function test_theNewMembersCertifyByQuorumThenByAKeyOfTheirOwn() external {
        install(successors());
        uint256 reportWord = word(1e18, INSTALLED);
        feed.updateWithQuorum(reportWord, quorum(feed.reportDigest(reportWord), 10, 3));
        EpochReport memory report = reportUnder(2);
        settlement.settleWithQuorum(report, quorum(settlement.reportDigest(report), 11, 3));
        vm.assertEq(settlement.nextEpoch(), 1);

        endEpoch(1);
        rotate(NEW_SECRET, 10);
        uint256 px = groupPublicKey(NEW_SECRET);
        uint256 time = vm.getBlockTimestamp();
        RegistryState memory state = registry.state();
        vm.assertEq(state.newest.keyEpoch, 3);
        vm.assertEq(state.newest.px, px);
        vm.assertEq(state.newest.memberSet, 2);
        vm.assertEq(state.previous.keyEpoch, 2);
        vm.assertEq(state.previous.px, 0);
        vm.assertEq(state.previous.memberSet, 2);
        // There was no key to take over from.
        vm.assertEq(state.switchesAt, time);
        keysOf(3, px, 0, time);
        // Rounds from before are still of the members of then, who are the same.
        uint256 before = word(1e18, time - 1);
        feed.updateWithQuorum(before, quorum(feed.reportDigest(before), 10, 3));
        this.updateBy(NEW_SECRET, word(1e18, time));
        this.settleBy(NEW_SECRET, reportUnder(3));
        vm.assertEq(settlement.nextEpoch(), 2);
        // The next rotation is a handover again.
        rotate(NEW_SECRET + 1, 10);
        vm.assertEq(registry.state().switchesAt, time + HANDOVER_SEC);
    }

    function test_replacesMembersBeforeTheFirstKeyToo() external {
        deployEconomy(0);
        install(successors());
        RegistryState memory state = registry.state();
        vm.assertEq(state.newest.keyEpoch, 1);
        vm.assertEq(state.newest.px, 0);
        vm.assertEq(state.previous.keyEpoch, 0);
        rotate(NEW_SECRET, 10);
        vm.assertEq(registry.state().newest.keyEpoch, 2);
        vm.assertEq(registry.state().switchesAt, START);
        this.updateBy(NEW_SECRET, word(1e18, START));
    }

    function test_canBeReplacedAgainAtOnce() external {
        install(successors());
        Member[] memory list = members(7);
        install(list);
        RegistryState memory state = registry.state();
        vm.assertEq(state.newest.keyEpoch, 3);
        vm.assertEq(state.newest.memberSet, 3);
        vm.assertEq(state.previous.keyEpoch, 0);
        keysOf(3, 0, 0, INSTALLED);
        registry.verifyQuorum(DIGEST, quorum(DIGEST, 0, 5));
        Signature[] memory three = quorum(DIGEST, 10, 3);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.HandoverOver.selector, INSTALLED, INSTALLED));
        registry.verifyQuorumOf(DIGEST, three, 2);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.KeyEpochForgotten.selector, 1, 3));
        registry.verifyQuorumOf(DIGEST, three, 1);
    }

    /// @dev What a stolen key has staged does not outlive it.
    function test_theNewMembersVetoWhatTheOldKeyHasStaged() external {
        deployEconomy(45);
        rotate(GROUP_SECRET, 0);
        endEpoch(0);
        settle(emptyReport());
        install(successors());
        Signature[] memory two = quorum(settlement.vetoDigest(), 0, 2);
        vm.expectRevert();
        settlement.veto(0, two);
        settlement.veto(0, quorum(settlement.vetoDigest(), 10, 2));
        settlement.settleEmpty(0, quorum(settlement.emptyEpochDigest(0), 10, 3));
        vm.assertEq(settlement.nextEpoch(), 1);
    }

    // --- one honest ---

    /// @dev A run deploys a registry; there are 490 cases.
    /// forge-config: full.fuzz.runs = 256
    function testFuzz_oneOfFPlusOneIsHonest(uint256 n, uint256 count) external {
        n = bound(n, 4, 31);
        registry = deployRegistry(members(n), noServices(), new IGroupKeyConsumer[](0));
        uint256 required = (n - 1) / 3 + 1;
        count = bound(count, 1, n);
        Signature[] memory signatures = quorum(DIGEST, 0, count);
        if (count < required) {
            vm.expectRevert(
                abi.encodeWithSelector(IOracleRegistry.QuorumNotReached.selector, count, required)
            );
        }
        registry.verifyOneHonest(DIGEST, signatures);
    }

    function test_oneHonestIsAnActiveMemberInForce() external {
        Signature[] memory two = quorum(DIGEST, 0, 2);
        registry.verifyOneHonest(DIGEST, two);
        vm.expectRevert();
        registry.verifyOneHonest(keccak256("another"), two);
        accuse(1);
        vm.expectRevert(notActive(1));
        registry.verifyOneHonest(DIGEST, two);
        two[0].yParityAndS = 0;
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.InvalidSignature.selector, 0));
        registry.verifyOneHonest(DIGEST, two);
    }
}
