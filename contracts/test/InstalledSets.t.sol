// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGroupKeyConsumer} from "../src/interfaces/IGroupKeyConsumer.sol";
import {
    IOracleRegistry,
    KeyView,
    Member,
    Quote,
    RegistryState,
    Signature
} from "../src/interfaces/IOracleRegistry.sol";
import {IPriceFeed} from "../src/interfaces/IPriceFeed.sol";
import {EpochReport, ISettlement} from "../src/interfaces/ISettlement.sol";
import {Installing} from "./support/Installing.sol";

contract InstalledSetsTest is Installing {
    function setUp() external {
        deployWithKey();
    }

    // --- who, and what it does ---

    function test_isForTheTimelockOnly() external {
        address timelock = registry.timelock();
        vm.assertTrue(timelock != address(0));
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.Unauthorized.selector, address(this), timelock)
        );
        registry.installSet(successors());
        vm.prank(member(0).identity);
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.Unauthorized.selector, member(0).identity, timelock)
        );
        registry.installSet(successors());

        registry = deployRegistry(members(4), noServices(), new IGroupKeyConsumer[](0), address(0));
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.Unauthorized.selector, address(this), address(0))
        );
        registry.installSet(successors());
    }

    function test_aNewSetIsInForceAtOnceWithoutAKey() external {
        uint256 old = groupPublicKey(GROUP_SECRET);
        vm.expectEmit(true, true, true, true, address(registry));
        emit IOracleRegistry.MembersInstalled(2, 3, 2, successors());
        vm.expectEmit(true, true, true, true, address(feed));
        emit IGroupKeyConsumer.GroupKeySet(2, 0, uint40(INSTALLED));
        vm.expectEmit(true, true, true, true, address(settlement));
        emit IGroupKeyConsumer.GroupKeySet(2, 0, uint40(INSTALLED));
        install(successors());

        KeyView memory nobody;
        RegistryState memory expected = RegistryState({
            registryVersion: 3,
            switchesAt: uint40(INSTALLED),
            handoverSec: uint32(HANDOVER_SEC),
            pendingSet: 0,
            pendingSuspended: 0,
            newest: KeyView({
                keyEpoch: 2, memberSet: 2, px: 0, transcriptHash: 0, participants: 0, suspended: 0
            }),
            previous: nobody
        });
        vm.assertEq(keccak256(abi.encode(registry.state())), keccak256(abi.encode(expected)));
        vm.assertEq(keccak256(abi.encode(registry.members())), keccak256(abi.encode(successors())));
        keysOf(2, 0, old, INSTALLED);
        registry.verifyQuorum(DIGEST, quorum(DIGEST, 10, 3));
    }

    // --- what was before is dead ---

    function test_theOldKeyIsDeadInTheSameSecond() external {
        install(successors());
        uint256 reportWord = word(1e18, INSTALLED);
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.InvalidCertificate.selector, 0));
        this.updateBy(GROUP_SECRET, reportWord);
        EpochReport memory report = reportUnder(1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.WrongKeyEpoch.selector, 1, 2));
        this.settleBy(GROUP_SECRET, report);
        report = reportUnder(2);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.InvalidCertificate.selector, 0));
        this.settleBy(GROUP_SECRET, report);
    }

    function test_bothKeysOfAHandoverAreDead() external {
        rotate(NEW_SECRET, 0);
        install(successors());
        keysOf(3, 0, groupPublicKey(NEW_SECRET), INSTALLED);
        uint256 reportWord = word(1e18, INSTALLED);
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.InvalidCertificate.selector, 0));
        this.updateBy(GROUP_SECRET, reportWord);
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.InvalidCertificate.selector, 0));
        this.updateBy(NEW_SECRET, reportWord);
        EpochReport memory report = reportUnder(2);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.WrongKeyEpoch.selector, 2, 3));
        this.settleBy(NEW_SECRET, report);
    }

    function test_theOldMembersAreDeadInTheSameSecond() external {
        install(successors());
        Signature[] memory three = quorum(DIGEST, 0, 3);
        bytes memory over =
            abi.encodeWithSelector(IOracleRegistry.HandoverOver.selector, INSTALLED, INSTALLED);
        vm.expectRevert();
        registry.verifyQuorum(DIGEST, three);
        vm.expectRevert();
        registry.verifyOneHonest(DIGEST, three);
        vm.expectRevert(over);
        registry.verifyQuorumOf(DIGEST, three, 1);
        // A round from before has nobody any more, so that no two lists certify one.
        vm.expectRevert(over);
        registry.verifyQuorumAt(DIGEST, three, INSTALLED - 1);
        Signature[] memory ofNew = quorum(DIGEST, 10, 3);
        vm.expectRevert(over);
        registry.verifyQuorumAt(DIGEST, ofNew, INSTALLED - 1);
        registry.verifyQuorumAt(DIGEST, ofNew, INSTALLED);
        // Whether it is of old members or of new ones.
        Signature[] memory mixed = new Signature[](1);
        mixed[0] = compact(memberSecret(0), DIGEST);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.QuorumNotReached.selector, 1, 2));
        registry.verifyOneHonest(DIGEST, mixed);
    }

    function test_nobodyOfThemRotatesOrProposes() external {
        install(successors());
        uint256 px = groupPublicKey(NEW_SECRET);
        bytes32 digest = groupKeyDigest(px, 3, "transcript", 15);
        (address r, uint256 s) = signSchnorr(NEW_SECRET, digest);
        Signature[] memory three = quorum(digest, 0, 3);
        vm.expectRevert();
        registry.rotateGroupKey(px, "transcript", 15, r, s, three);
        three = quorum(memberSetDigest(members(4)), 0, 3);
        vm.expectRevert();
        registry.proposeMembers(members(4), three);
    }

    /// @dev There is no key, so nobody has it: not even who chooses r and s as ecrecover would fail. A run
    /// installs a set and rotates.
    /// forge-config: full.fuzz.runs = 256
    function testFuzz_noSignatureIsOneOfNoKey(address r, uint256 s) external {
        install(successors());
        uint256 reportWord = word(1e18, INSTALLED);
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.InvalidCertificate.selector, 0));
        feed.update(reportWord, r, s);
        EpochReport memory report = reportUnder(2);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.InvalidCertificate.selector, 0));
        settlement.settle(report, r, s);
        // Nor is the key before, once there is another, which is none either.
        rotate(NEW_SECRET, 10);
        uint256 px = groupPublicKey(NEW_SECRET);
        vm.assume(s != 0);
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.InvalidCertificate.selector, px));
        feed.update(reportWord, r, s);
    }

    function test_whatIsPendingAndWhoIsSuspendedIsForgotten() external {
        Quote memory first = quote(2e18);
        Quote memory second = quote(3e18);
        accuse(0);
        Member[] memory other = members(4);
        other[3] = member(20);
        propose(other, 1);
        vm.assertEq(registry.state().pendingSet, 2);

        // Person 0 is chosen again, in the slot that is its own.
        Member[] memory list = successors();
        list[0] = member(0);
        install(list);
        RegistryState memory state = registry.state();
        vm.assertEq(state.pendingSet, 0);
        vm.assertEq(state.newest.memberSet, 3);
        vm.assertEq(state.newest.suspended, 0);
        // What it did before is dealt with; what it does from now on is not.
        Signature memory a = sign(0, first);
        Signature memory b = sign(0, second);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.EvidenceSpent.selector, 1, 2));
        registry.suspendEquivocator(first, a, second, b);
        accuse(0, 2);
        vm.assertEq(registry.state().newest.suspended, 1);
    }

    /// @dev Everybody sees for a fortnight who will be installed, those who will be replaced, too.
    function test_aCapturedQuorumCannotStandInTheWayByGivingSlotsToWhoIsChosen() external {
        Member[] memory list = members(4);
        list[3] = successors()[0];
        propose(list, 0);
        rotate(NEW_SECRET, 0);
        vm.assertEq(registry.state().newest.memberSet, 2);
        (bool isMember, uint256 slot) = registry.slotOf(successors()[0].identity);
        vm.assertTrue(isMember && slot == 3);

        install(successors());
        vm.assertEq(keccak256(abi.encode(registry.members())), keccak256(abi.encode(successors())));
        (, slot) = registry.slotOf(successors()[0].identity);
        vm.assertEq(slot, 0);
        registry.verifyQuorum(DIGEST, quorum(DIGEST, 10, 3));
        // From now on slots are kept again: those of the installed list alone.
        list = successors();
        (list[0], list[3]) = (member(20), list[0]);
        Signature[] memory three = quorum(memberSetDigest(list), 10, 3);
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.SlotMoved.selector, member(10).identity, 3, 0)
        );
        registry.proposeMembers(list, three);
        list = successors();
        list[3] = member(0);
        propose(list, 10);
        rotate(NEW_SECRET + 1, 10);
        (isMember, slot) = registry.slotOf(member(0).identity);
        vm.assertTrue(isMember && slot == 3);
    }

    function test_checksAListAsAProposalDoes() external {
        Member[] memory list = successors();
        address timelock = registry.timelock();
        list[1] = list[2];
        vm.prank(timelock);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.DuplicateIdentity.selector, list[2].identity));
        registry.installSet(list);
        vm.prank(timelock);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.TooManyMembers.selector, 129, 128));
        registry.installSet(new Member[](129));
    }

    function test_whatWasSignedForTheVersionBeforeIsWorthNothing() external {
        Member[] memory list = members(4);
        list[3] = member(20);
        bytes32 digest = memberSetDigest(list);
        Member[] memory same = members(4);
        install(same);
        Signature[] memory three = quorum(digest, 0, 3);
        vm.expectRevert();
        registry.proposeMembers(list, three);
        propose(list, 0);
    }
}
