// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGroupKeyConsumer} from "../src/interfaces/IGroupKeyConsumer.sol";
import {
    IOracleRegistry,
    Member,
    NetworkServices,
    RegistryState,
    Signature
} from "../src/interfaces/IOracleRegistry.sol";
import {Network} from "./support/Network.sol";

contract MemberSetsTest is Network {
    bytes32 private constant DIGEST = keccak256("digest");

    function setUp() external {
        deployNetwork(7);
        rotate(GROUP_SECRET, 0);
    }

    function same(Member[] memory left, Member[] memory right) private pure {
        vm.assertEq(keccak256(abi.encode(left)), keccak256(abi.encode(right)));
    }

    /// @dev With the signatures of a quorum, so that only what is wrong with the list is in the way.
    function refuses(Member[] memory list, bytes memory reason) private {
        Signature[] memory five = quorum(memberSetDigest(list), 0, 5);
        vm.expectRevert(reason);
        registry.proposeMembers(list, five);
    }

    /// @dev Of seven, person 2 leaves, person 7 takes its slot, and persons 8 and 9 come behind an empty slot.
    function another() private pure returns (Member[] memory list) {
        list = new Member[](10);
        for (uint256 i = 0; i < 7; ++i) {
            list[i] = member(i);
        }
        list[2] = member(7);
        list[8] = member(8);
        list[9] = member(9);
    }

    // --- a proposal ---

    function test_aProposalIsPendingAndChangesNothingElse() external {
        RegistryState memory expected = registry.state();
        expected.registryVersion = 3;
        expected.pendingSet = 2;
        vm.expectEmit(true, true, true, true, address(registry));
        emit IOracleRegistry.MembersProposed(2, 3, another());
        propose(another(), 0);

        vm.assertEq(keccak256(abi.encode(registry.state())), keccak256(abi.encode(expected)));
        same(registry.members(), members(7));
        same(registry.membersOf(1), members(7));
        same(registry.membersOf(2), another());
        (bool isMember,) = registry.slotOf(member(9).identity);
        vm.assertFalse(isMember);
        registry.verifyQuorum(DIGEST, quorum(DIGEST, 0, 5));
    }

    function test_anotherProposalTakesThePlaceOfThePendingOne() external {
        propose(another(), 0);
        propose(members(4), 0);
        vm.assertEq(registry.state().pendingSet, 3);
        vm.assertEq(registry.state().registryVersion, 4);
        rotate(GROUP_SECRET + 1, 0);
        same(registry.members(), members(4));
        same(registry.membersOf(2), another());
        vm.assertEq(registry.state().newest.memberSet, 3);
        vm.assertEq(registry.state().previous.memberSet, 1);
    }

    function test_aProposalIsTakenBackByThatOfTheMembersInForce() external {
        RegistryState memory expected = registry.state();
        expected.registryVersion = 4;
        propose(another(), 0);
        vm.expectEmit(true, true, true, true, address(registry));
        emit IOracleRegistry.MembersWithdrawn(2, 4);
        propose(members(7), 2);
        vm.assertEq(keccak256(abi.encode(registry.state())), keccak256(abi.encode(expected)));
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.UnknownMemberSet.selector, 3, 2));
        registry.membersOf(3);

        rotate(GROUP_SECRET + 1, 2);
        same(registry.members(), members(7));
        vm.assertEq(registry.state().newest.memberSet, 1);
        // A list proposed afterwards has a number of its own.
        propose(another(), 0);
        vm.assertEq(registry.state().pendingSet, 3);
    }

    function test_theMembersInForceAreNoListToRotateTo() external {
        vm.expectEmit(true, true, true, true, address(registry));
        emit IOracleRegistry.MembersWithdrawn(0, 3);
        propose(members(7), 0);
        vm.assertEq(registry.state().pendingSet, 0);
        vm.assertEq(registry.state().registryVersion, 3);
    }

    function test_aListThatWasSignedBeforeARotationIsWorthNothingAfterIt() external {
        Signature[] memory five = quorum(memberSetDigest(another()), 0, 5);
        rotate(GROUP_SECRET + 1, 0);
        vm.expectRevert();
        registry.proposeMembers(another(), five);
        propose(another(), 0);
    }

    function test_refusesAProposalOfFewerThanAQuorum() external {
        Signature[] memory four = quorum(memberSetDigest(another()), 0, 4);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.QuorumNotReached.selector, 4, 5));
        registry.proposeMembers(another(), four);
    }

    function test_refusesAProposalOfThoseWhoWouldCome() external {
        Signature[] memory five = quorum(memberSetDigest(another()), 5, 5);
        vm.expectRevert();
        registry.proposeMembers(another(), five);
    }

    function test_refusesAnotherListThanTheSignedOneAndTheSameOneTwice() external {
        Signature[] memory five = quorum(memberSetDigest(another()), 0, 5);
        Member[] memory other = another();
        other[9].peerKey = "another";
        vm.expectRevert();
        registry.proposeMembers(other, five);
        registry.proposeMembers(another(), five);
        vm.expectRevert();
        registry.proposeMembers(another(), five);
    }

    function test_numbersSetsAndKnowsNoOthers() external {
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.UnknownMemberSet.selector, 0, 1));
        registry.membersOf(0);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.UnknownMemberSet.selector, 2, 1));
        registry.membersOf(2);
    }

    // --- what a list may be ---

    function test_aMemberKeepsItsSlotAsLongAsItIsOne() external {
        Member[] memory list = members(7);
        (list[0], list[1]) = (list[1], list[0]);
        refuses(list, abi.encodeWithSelector(IOracleRegistry.SlotMoved.selector, list[0].identity, 0, 1));

        list = members(8);
        list[7] = list[0];
        delete list[0];
        refuses(list, abi.encodeWithSelector(IOracleRegistry.SlotMoved.selector, list[7].identity, 7, 0));

        delete list[7];
        propose(list, 0);
        rotate(GROUP_SECRET + 1, 0);
        // Person 0 is gone, but under the previous key it has its slot still, however long ago its time was over.
        vm.warp(START + 10 * HANDOVER_SEC);
        list[7] = member(0);
        Signature[] memory signatures = quorum(memberSetDigest(list), 1, 4);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.SlotMoved.selector, member(0).identity, 7, 0));
        registry.proposeMembers(list, signatures);
        // Into that slot it may come back.
        list[0] = member(0);
        delete list[7];
        propose(list, 1);
        delete list[0];
        propose(list, 1);

        rotate(GROUP_SECRET + 2, 1);
        list[7] = member(0);
        propose(list, 1);
    }

    function test_emptySlotsCountForNothingButTheSize() external {
        // n = 4 of 128: f = 1, q = 3.
        Member[] memory list = new Member[](128);
        (list[0], list[6], list[100], list[127]) = (member(0), member(6), member(100), member(127));
        propose(list, 0);
        rotate(GROUP_SECRET + 1, 0);
        same(registry.members(), list);
        (bool isMember, uint256 slot) = registry.slotOf(member(127).identity);
        vm.assertTrue(isMember);
        vm.assertEq(slot, 127);
        (isMember,) = registry.slotOf(address(0));
        vm.assertFalse(isMember);

        uint256[] memory secrets = new uint256[](3);
        (secrets[0], secrets[1], secrets[2]) = (memberSecret(0), memberSecret(100), memberSecret(127));
        registry.verifyQuorum(DIGEST, signAscending(secrets, DIGEST));

        Member[] memory tooLong = new Member[](129);
        (tooLong[0], tooLong[6], tooLong[100]) = (list[0], list[6], list[100]);
        secrets[1] = memberSecret(6);
        Signature[] memory three = signAscending(secrets, memberSetDigest(tooLong));
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.TooManyMembers.selector, 129, 128));
        registry.proposeMembers(tooLong, three);
    }

    function test_theFirstListMayHaveEmptySlotsToo() external {
        Member[] memory list = members(6);
        delete list[1];
        delete list[5];
        registry = deployRegistry(list, noServices(), new IGroupKeyConsumer[](0));
        registry.verifyQuorum(DIGEST, quorum(DIGEST, 2, 3));
        same(registry.members(), list);
    }

    function test_emptySlotsMakeNoQuorum() external {
        vm.chainId(1);
        Member[] memory list = members(7);
        delete list[0];
        delete list[1];
        delete list[2];
        delete list[3];
        refuses(list, abi.encodeWithSelector(IOracleRegistry.TooFewMembers.selector, 3, 4));
        list[3] = member(3);
        propose(list, 0);
    }

    function test_aSlotIsEmptyAltogetherOrNotAtAll() external {
        Member[] memory list = members(7);
        list[2].identity = address(0);
        refuses(list, abi.encodeWithSelector(IOracleRegistry.ZeroIdentity.selector, 2));
        list = members(7);
        list[3].peerKey = 0;
        refuses(list, abi.encodeWithSelector(IOracleRegistry.ZeroPeerKey.selector, 3));
    }

    function test_everybodyOfAListIsSomebodyElse() external {
        Member[] memory list = another();
        list[9].identity = list[8].identity;
        refuses(list, abi.encodeWithSelector(IOracleRegistry.DuplicateIdentity.selector, list[8].identity));
        list = another();
        list[9].peerKey = list[8].peerKey;
        refuses(list, abi.encodeWithSelector(IOracleRegistry.DuplicatePeerKey.selector, list[8].peerKey));
    }

    function test_nobodyOfAListServesTheNetwork() external {
        Member[] memory service = new Member[](1);
        service[0] = member(50);
        NetworkServices[3] memory each = [noServices(), noServices(), noServices()];
        each[0].aggregators = service;
        each[1].relayers = service;
        each[2].gateways = service;
        for (uint256 i = 0; i < 3; ++i) {
            registry = deployRegistry(members(7), each[i], new IGroupKeyConsumer[](0));
            Member[] memory list = another();
            list[9].identity = service[0].identity;
            refuses(
                list, abi.encodeWithSelector(IOracleRegistry.DuplicateIdentity.selector, service[0].identity)
            );
            list = another();
            list[9].peerKey = service[0].peerKey;
            refuses(
                list, abi.encodeWithSelector(IOracleRegistry.DuplicatePeerKey.selector, service[0].peerKey)
            );
        }
    }

    // --- bringing it into force ---

    function test_aRotationBringsThePendingMembersIntoForce() external {
        propose(another(), 0);
        uint256 px = groupPublicKey(GROUP_SECRET + 1);
        uint256 all = 127 | (3 << 8);
        vm.expectEmit(true, true, true, true, address(registry));
        emit IOracleRegistry.GroupKeyRotated(2, 2, px, all, "transcript", 4, uint40(START + HANDOVER_SEC));
        rotate(GROUP_SECRET + 1, 0);

        RegistryState memory state = registry.state();
        vm.assertEq(state.pendingSet, 0);
        vm.assertEq(state.newest.memberSet, 2);
        vm.assertEq(state.newest.participants, all);
        vm.assertEq(state.previous.memberSet, 1);
        vm.assertEq(state.previous.participants, 127);
        same(registry.members(), another());
        same(registry.membersOf(1), members(7));
        (bool isMember, uint256 slot) = registry.slotOf(member(7).identity);
        vm.assertTrue(isMember);
        vm.assertEq(slot, 2);
        (isMember,) = registry.slotOf(member(2).identity);
        vm.assertFalse(isMember);

        // n = 9: q = 6.
        registry.verifyQuorum(DIGEST, quorum(DIGEST, 4, 6));
        Signature[] memory six = quorum(DIGEST, 2, 6);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, member(2).identity));
        registry.verifyQuorum(DIGEST, six);
    }

    function test_onlyAQuorumOfTheMembersInForceReplacesThem() external {
        propose(another(), 0);
        uint256 px = groupPublicKey(GROUP_SECRET + 1);
        bytes32 digest = groupKeyDigest(px, 2, "transcript", 127);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET + 1, digest);
        uint256[] memory secrets = new uint256[](6);
        for (uint256 i = 0; i < 6; ++i) {
            secrets[i] = memberSecret(i < 2 ? i : i + 1);
        }
        secrets[5] = memberSecret(7);
        Signature[] memory six = signAscending(secrets, digest);
        vm.warp(START + HANDOVER_SEC);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, member(7).identity));
        registry.rotateGroupKey(px, "transcript", 127, r, s, six);
    }

    function test_whileASetIsPendingEveryRotationIsForIt() external {
        // Made and signed before the proposal, for the members in force.
        uint256 px = groupPublicKey(GROUP_SECRET + 1);
        bytes32 digest = groupKeyDigest(px, 2, "transcript", 127);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET + 1, digest);
        Signature[] memory five = quorum(digest, 0, 5);
        propose(another(), 0);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.InvalidGroupSignature.selector, px));
        registry.rotateGroupKey(px, "transcript", 127, r, s, five);
    }

    function test_theHoldersAreAQuorumOfThePendingMembers() external {
        propose(another(), 0);
        uint256 allowed = 127 | (3 << 8);
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.InvalidParticipants.selector, uint256(255), allowed)
        );
        registry.rotateGroupKey(1, 0, 255, address(1), 1, new Signature[](0));
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.TooFewParticipants.selector, 5, 6));
        registry.rotateGroupKey(1, 0, 31, address(1), 1, new Signature[](0));
    }

    /// @dev A run proposes and rotates up to 27 members.
    /// forge-config: full.fuzz.runs = 256
    function testFuzz_findsEveryMemberOfAnyListWithGaps(uint256 slots) external {
        slots = (bound(slots, 0, (1 << 20) - 1) << 7) | 127;
        Member[] memory list = new Member[](27);
        for (uint256 i = 0; i < 27; ++i) {
            if ((slots >> i) & 1 == 1) list[i] = member(i);
        }
        propose(list, 0);
        rotate(GROUP_SECRET + 1, 0);
        vm.assertEq(registry.state().newest.participants, slots);
        for (uint256 i = 0; i < 27; ++i) {
            (bool isMember, uint256 slot) = registry.slotOf(member(i).identity);
            vm.assertEq(isMember, (slots >> i) & 1 == 1);
            vm.assertEq(slot, isMember ? i : 0);
        }
    }

    // --- gas ---

    /// @dev The most that there can be: 128 who propose 128 others, beside 64 services. EIP-7825 allows 2^24 with the
    /// calldata, which costs 64 gas a word at most: another 0.8 million.
    function test_theLargestProposalFitsATransaction() external {
        NetworkServices memory services = noServices();
        services.relayers = new Member[](64);
        for (uint256 i = 0; i < 64; ++i) {
            services.relayers[i] = member(1000 + i);
        }
        registry = deployRegistry(members(128), services, new IGroupKeyConsumer[](0));
        Member[] memory list = new Member[](128);
        for (uint256 i = 0; i < 128; ++i) {
            list[i] = member(200 + i);
        }
        Signature[] memory all = quorum(memberSetDigest(list), 0, 128);
        uint256 used = gasleft();
        registry.proposeMembers(list, all);
        used -= gasleft();
        vm.assertLe(used, 15_000_000);
    }
}
