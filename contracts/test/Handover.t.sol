// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GroupKeys} from "../src/interfaces/IGroupKeyConsumer.sol";
import {IOracleRegistry, Member, RegistryState, Signature} from "../src/interfaces/IOracleRegistry.sol";
import {IPriceFeed} from "../src/interfaces/IPriceFeed.sol";
import {EpochReport, ISettlement} from "../src/interfaces/ISettlement.sol";
import {Accusing} from "./support/Accusing.sol";
import {Economy} from "./support/Economy.sol";

contract HandoverTest is Economy, Accusing {
    uint256 private constant NEXT_SECRET = GROUP_SECRET + 1;
    uint256 private constant ROTATED = START + EPOCH_LENGTH_SEC;
    uint256 private constant SWITCHES = ROTATED + HANDOVER_SEC;
    uint256 private constant UNTIL = ROTATED + 2 * HANDOVER_SEC;

    function setUp() external {
        deployEconomy(0);
        rotate(GROUP_SECRET, 0);
        endEpoch(0);
        rotate(NEXT_SECRET, 0);
    }

    function updateBy(uint256 secret, uint256 reportWord) private {
        (address r, uint256 s) = signSchnorr(secret, feed.reportDigest(reportWord));
        feed.update(reportWord, r, s);
    }

    function settleBy(uint256 secret, EpochReport memory report) private {
        (address r, uint256 s) = signSchnorr(secret, settlement.reportDigest(report));
        settlement.settle(report, r, s);
    }

    function settlesNot(uint256 secret, EpochReport memory report, bytes memory reason) private {
        (address r, uint256 s) = signSchnorr(secret, settlement.reportDigest(report));
        vm.expectRevert(reason);
        settlement.settle(report, r, s);
    }

    function reportUnder(uint32 keyEpoch) private view returns (EpochReport memory report) {
        report = emptyReport();
        report.keyEpoch = keyEpoch;
        report.validUntil = type(uint40).max;
    }

    function test_everybodyKnowsBothKeysAndWhenTheyChange() external view {
        (uint256 old, uint256 px) = (keyOf(GROUP_SECRET), keyOf(NEXT_SECRET));
        RegistryState memory state = registry.state();
        vm.assertEq(state.switchesAt, SWITCHES);
        vm.assertEq(state.newest.keyEpoch, 2);
        vm.assertEq(state.newest.px, px);
        vm.assertEq(state.previous.keyEpoch, 1);
        vm.assertEq(state.previous.px, old);
        vm.assertEq(state.previous.memberSet, 1);
        vm.assertEq(state.previous.participants, 15);
        vm.assertEq(state.previous.transcriptHash, "transcript");
        bytes32 keys = keccak256(abi.encode(GroupKeys(2, px, old, uint40(UNTIL))));
        vm.assertEq(keccak256(abi.encode(feed.groupKeys())), keys);
        vm.assertEq(keccak256(abi.encode(settlement.groupKeys())), keys);
    }

    function keyOf(uint256 secret) private view returns (uint256) {
        return secret == GROUP_SECRET ? registry.state().previous.px : registry.state().newest.px;
    }

    function test_bothKeysCertifyAsSoonAsTheNewestIsThere() external {
        updateBy(GROUP_SECRET, word(1e18, ROTATED));
        updateBy(NEXT_SECRET, word(1e18, 25, ROTATED, ROTATED * 10 + 1));
        updateBy(GROUP_SECRET, word(1e18, 25, ROTATED, ROTATED * 10 + 2));
        settleBy(NEXT_SECRET, reportUnder(2));
        endEpoch(1);
        settleBy(GROUP_SECRET, reportUnder(1));
        vm.assertEq(settlement.nextEpoch(), 2);
    }

    function test_bothContractsTakeThePreviousKeyUntilTheSameSecond() external {
        vm.warp(UNTIL - 1);
        updateBy(GROUP_SECRET, word(1e18, UNTIL - 1));
        settleBy(GROUP_SECRET, reportUnder(1));

        vm.warp(UNTIL);
        uint256 reportWord = word(1e18, UNTIL);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, feed.reportDigest(reportWord));
        uint256 px = keyOf(NEXT_SECRET);
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.InvalidCertificate.selector, px));
        feed.update(reportWord, r, s);
        EpochReport memory report = reportUnder(1);
        settlesNot(GROUP_SECRET, report, abi.encodeWithSelector(ISettlement.WrongKeyEpoch.selector, 1, 2));
        Signature[] memory three = quorum(settlement.reportDigest(report), 0, 3);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.WrongKeyEpoch.selector, 1, 2));
        settlement.settleWithQuorum(report, three);

        updateBy(NEXT_SECRET, reportWord);
        settleBy(NEXT_SECRET, reportUnder(2));
    }

    function test_anEpochIsCertifiedByTheKeyThatItNames() external {
        settlesNot(
            NEXT_SECRET,
            reportUnder(1),
            abi.encodeWithSelector(ISettlement.InvalidCertificate.selector, keyOf(GROUP_SECRET))
        );
        settlesNot(
            GROUP_SECRET,
            reportUnder(2),
            abi.encodeWithSelector(ISettlement.InvalidCertificate.selector, keyOf(NEXT_SECRET))
        );
    }

    function test_aThirdKeySignsNothingDuringAHandover() external {
        uint256 reportWord = word(1e18, ROTATED);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET + 7, feed.reportDigest(reportWord));
        uint256 px = keyOf(NEXT_SECRET);
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.InvalidCertificate.selector, px));
        feed.update(reportWord, r, s);
    }

    function test_theNextRotationWaitsUntilTheNewestKeyCounts() external {
        vm.warp(SWITCHES - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.HandoverNotOver.selector, SWITCHES - 1, SWITCHES)
        );
        registry.rotateGroupKey(1, 0, 15, address(1), 1, new Signature[](0));
        vm.warp(SWITCHES);
        rotate(GROUP_SECRET + 2, 0);
        vm.assertEq(registry.state().newest.keyEpoch, 3);
        vm.assertEq(registry.state().switchesAt, SWITCHES + HANDOVER_SEC);
    }

    /// @dev Even where its own time was not over: a stolen key is out with the second rotation.
    function test_theSecondRotationEndsAKeyAtOnce() external {
        vm.warp(SWITCHES);
        updateBy(GROUP_SECRET, word(1e18, SWITCHES));
        rotate(GROUP_SECRET + 2, 0);
        uint256 reportWord = word(1e18, 25, SWITCHES, SWITCHES * 10 + 1);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, feed.reportDigest(reportWord));
        vm.expectRevert(
            abi.encodeWithSelector(IPriceFeed.InvalidCertificate.selector, registry.state().newest.px)
        );
        feed.update(reportWord, r, s);
        settlesNot(
            GROUP_SECRET, reportUnder(1), abi.encodeWithSelector(ISettlement.WrongKeyEpoch.selector, 1, 3)
        );
        updateBy(NEXT_SECRET, reportWord);
        settleBy(NEXT_SECRET, reportUnder(2));
    }

    // --- with other members ---

    /// @dev Person 4 takes the slot of person 3.
    function replaceOne() private {
        Member[] memory four = members(4);
        four[3] = member(4);
        propose(four, 0);
        rotate(GROUP_SECRET + 2, 0);
    }

    function refusesOfFeed(uint256 reportWord, Signature[] memory signatures, bytes memory reason) private {
        vm.expectRevert(reason);
        feed.updateWithQuorum(reportWord, signatures);
    }

    function notActive(uint256 person) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, vm.addr(memberSecret(person)));
    }

    /// @dev One list counts for a round, to the decisecond.
    function test_aRoundIsCertifiedByTheMembersWhoCountAtItsStart() external {
        replaceOne();
        uint256 switches = registry.state().switchesAt;
        vm.warp(switches - 1);
        uint256 last = word(1e18, 25, switches, switches * 10 - 1);
        uint256 first = word(1e18, 25, switches, switches * 10);
        refusesOfFeed(last, inForce(feed.reportDigest(last)), notActive(4));
        refusesOfFeed(first, quorum(feed.reportDigest(first), 1, 3), notActive(3));
        feed.updateWithQuorum(last, quorum(feed.reportDigest(last), 1, 3));
        feed.updateWithQuorum(first, inForce(feed.reportDigest(first)));
    }

    function test_aNetworkThatShrinksHasNoTwoQuorumsForOneRound() external {
        Member[] memory ten = members(10);
        propose(ten, 0);
        rotate(GROUP_SECRET + 2, 0);
        waitUntil(registry.state().switchesAt);
        propose(members(4), 0);
        rotate(GROUP_SECRET + 3, 0);
        uint256 switches = registry.state().switchesAt;
        vm.warp(switches - 1);
        uint256 reportWord = word(1e18, switches - 1);
        // Three suffice of four, seven are needed of ten.
        refusesOfFeed(
            reportWord,
            quorum(feed.reportDigest(reportWord), 0, 3),
            abi.encodeWithSelector(IOracleRegistry.QuorumNotReached.selector, 3, 7)
        );
        feed.updateWithQuorum(reportWord, quorum(feed.reportDigest(reportWord), 3, 7));
    }

    function test_theMembersBeforeCertifyAsLongAsTheirKey() external {
        replaceOne();
        uint256 switches = registry.state().switchesAt;
        uint256 until = switches + HANDOVER_SEC;
        // The feed was silent since: the round is new to it.
        uint256 reportWord = word(1e18, 25, until, switches * 10 - 1);
        Signature[] memory before = quorum(feed.reportDigest(reportWord), 1, 3);
        vm.warp(until);
        bytes memory over = abi.encodeWithSelector(IOracleRegistry.HandoverOver.selector, until, until);
        refusesOfFeed(reportWord, before, over);
        refusesOfFeed(reportWord, inForce(feed.reportDigest(reportWord)), over);
        vm.warp(until - 1);
        feed.updateWithQuorum(reportWord, before);
    }

    /// @dev As the nodes see it: where the list is the same, a suspension counts for what was before the switch, too.
    function test_suspensionsOfThePreviousMembersCountBeforeTheSwitch() external {
        uint256 reportWord = word(1e18, ROTATED);
        Signature[] memory four = quorum(feed.reportDigest(reportWord), 0, 4);
        accuse(0);
        refusesOfFeed(reportWord, four, notActive(0));
        Member[] memory five = members(5);
        propose(five, 1);
        rotate(GROUP_SECRET + 2, 1);
        vm.assertEq(registry.state().newest.suspended, 0);
        uint256 start = registry.state().switchesAt - 1;
        vm.warp(start);
        reportWord = word(1e18, start);
        // Suspended at the rotation, and reinstated by it: for the rounds before the switch it still is.
        refusesOfFeed(reportWord, quorum(feed.reportDigest(reportWord), 0, 4), notActive(0));
        feed.updateWithQuorum(reportWord, quorum(feed.reportDigest(reportWord), 1, 3));
    }

    function test_knowsTheMembersOfTwoKeyEpochs() external {
        bytes32 digest = keccak256("digest");
        registry.verifyQuorumOf(digest, quorum(digest, 0, 3), 1);
        registry.verifyQuorumOf(digest, quorum(digest, 0, 3), 2);
        Signature[] memory three = quorum(digest, 0, 3);
        uint32[2] memory others = [uint32(0), 3];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.KeyEpochForgotten.selector, others[i], 2));
            registry.verifyQuorumOf(digest, three, others[i]);
        }
        vm.warp(UNTIL);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.HandoverOver.selector, UNTIL, UNTIL));
        registry.verifyQuorumOf(digest, three, 1);
    }

    function test_identitiesOfMembersThatLeftCertifyNothingOfTheNewKey() external {
        replaceOne();
        uint256 switches = registry.state().switchesAt;
        vm.warp(switches);
        uint256 reportWord = word(1e18, switches);
        refusesOfFeed(reportWord, quorum(feed.reportDigest(reportWord), 1, 3), notActive(3));
        feed.updateWithQuorum(reportWord, inForce(feed.reportDigest(reportWord)));
    }

    function test_anEpochIsCertifiedByTheMembersOfItsKey() external {
        replaceOne();
        EpochReport memory report = reportUnder(2);
        Signature[] memory new3 = inForce(settlement.reportDigest(report));
        vm.expectRevert(notActive(4));
        settlement.settleWithQuorum(report, new3);
        settlement.settleWithQuorum(report, quorum(settlement.reportDigest(report), 1, 3));
        vm.warp(START + 1000);
        report = reportUnder(3);
        Signature[] memory old3 = quorum(settlement.reportDigest(report), 1, 3);
        vm.expectRevert(notActive(3));
        settlement.settleWithQuorum(report, old3);
        settlement.settleWithQuorum(report, inForce(settlement.reportDigest(report)));
        vm.assertEq(settlement.nextEpoch(), 2);
    }

    /// @dev Signed by persons 1, 2 and 4.
    function inForce(bytes32 digest) private pure returns (Signature[] memory) {
        uint256[] memory secrets = new uint256[](3);
        (secrets[0], secrets[1], secrets[2]) = (memberSecret(1), memberSecret(2), memberSecret(4));
        return signAscending(secrets, digest);
    }
}
