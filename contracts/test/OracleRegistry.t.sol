// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OracleRegistry} from "../src/OracleRegistry.sol";
import {IGroupKeyConsumer} from "../src/interfaces/IGroupKeyConsumer.sol";
import {IOracleRegistry, Member, RegistryState, Signature} from "../src/interfaces/IOracleRegistry.sol";
import {IPriceFeed} from "../src/interfaces/IPriceFeed.sol";
import {Schnorr} from "../src/libraries/Schnorr.sol";
import {Network} from "./support/Network.sol";

contract OracleRegistryTest is Network {
    bytes32 private constant DIGEST = keccak256("digest");
    uint256 private constant ALL_SEVEN = (1 << 7) - 1;

    function setUp() external {
        deployNetwork(7);
    }

    function create(Member[] memory all, Member[] memory aggregators) public returns (OracleRegistry) {
        return deployRegistry(all, aggregators, new IGroupKeyConsumer[](0));
    }

    function test_freezesTheQuorumOfEverySize() external {
        uint8[13] memory n = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 21, 31];
        uint8[13] memory f = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 4, 6, 10];
        uint8[13] memory q = [1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 9, 14, 21];
        for (uint256 i = 0; i < n.length; ++i) {
            RegistryState memory state = create(members(n[i]), new Member[](0)).state();
            vm.assertEq(state.members, n[i]);
            vm.assertEq(state.faults, f[i]);
            vm.assertEq(state.quorum, q[i]);
        }
    }

    function test_takesThreeMembersOnADevelopmentChainOnly() external {
        create(members(3), new Member[](0));
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.TooFewMembers.selector, 3, 4));
        this.create(members(3), new Member[](0));
        create(members(4), new Member[](0));
    }

    function test_takesAtMost128Members() external {
        vm.assertEq(create(members(128), new Member[](0)).state().members, 128);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.TooManyMembers.selector, 129, 128));
        this.create(members(129), new Member[](0));
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.TooManyAggregators.selector, 129, 128));
        this.create(members(4), new Member[](129));
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.TooFewMembers.selector, 0, 1));
        this.create(new Member[](0), new Member[](0));
    }

    function test_refusesIncompleteOrRepeatedMembers() external {
        Member[] memory all = members(4);
        all[2].identity = address(0);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.ZeroIdentity.selector, 2));
        this.create(all, new Member[](0));

        all = members(4);
        all[1].peerKey = 0;
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.ZeroPeerKey.selector, 1));
        this.create(all, new Member[](0));

        all = members(4);
        all[3].identity = all[0].identity;
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.DuplicateIdentity.selector, all[0].identity));
        this.create(all, new Member[](0));

        all = members(4);
        all[3].peerKey = all[0].peerKey;
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.DuplicatePeerKey.selector, all[0].peerKey));
        this.create(all, new Member[](0));
    }

    function test_refusesAMemberThatIsAnAggregatorToo() external {
        Member[] memory all = members(4);
        Member[] memory aggregators = new Member[](1);
        aggregators[0] = Member(all[1].identity, keccak256("another peer"));
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.DuplicateIdentity.selector, all[1].identity));
        this.create(all, aggregators);
    }

    function test_showsMembersBySlotAndAggregators() external {
        Member[] memory all = members(6);
        Member[] memory four = new Member[](4);
        Member[] memory two = new Member[](2);
        for (uint256 i = 0; i < 6; ++i) {
            if (i < 4) four[i] = all[i];
            else two[i - 4] = all[i];
        }
        OracleRegistry fresh = create(four, two);
        vm.assertEq(keccak256(abi.encode(fresh.members())), keccak256(abi.encode(four)));
        vm.assertEq(keccak256(abi.encode(fresh.aggregators())), keccak256(abi.encode(two)));
        (bool isMember, uint256 slot) = fresh.slotOf(four[3].identity);
        vm.assertTrue(isMember);
        vm.assertEq(slot, 3);
        (isMember,) = fresh.slotOf(two[0].identity);
        vm.assertFalse(isMember);
    }

    function test_handsItsKeyToTheFeed() external view {
        vm.assertEq(registry.consumers().length, 1);
        vm.assertEq(registry.consumers()[0], address(feed));
    }

    // --- verifyQuorum ---

    function testFuzz_acceptsAnyQuorum(uint256 first, uint256 count, bytes32 digest) external view {
        count = bound(count, 5, 7);
        first = bound(first, 0, 7 - count);
        registry.verifyQuorum(digest, quorum(digest, first, count));
    }

    function test_acceptsAQuorumOf128() external {
        registry = create(members(128), new Member[](0));
        registry.verifyQuorum(DIGEST, quorum(DIGEST, 42, 86));
        registry.verifyQuorum(DIGEST, quorum(DIGEST, 0, 128));
    }

    function test_refusesOneFewerThanAQuorum() external {
        Signature[] memory four = quorum(DIGEST, 0, 4);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.QuorumNotReached.selector, 4, 5));
        registry.verifyQuorum(DIGEST, four);
    }

    function test_refusesARepeatedSigner() external {
        Signature[] memory five = quorum(DIGEST, 0, 5);
        five[1] = five[0];
        address signer = ascendingMember(0);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.SignersNotAscending.selector, 1, signer, signer));
        registry.verifyQuorum(DIGEST, five);
    }

    function test_refusesSignersOutOfOrder() external {
        Signature[] memory five = quorum(DIGEST, 0, 5);
        (five[0], five[1]) = (five[1], five[0]);
        (address low, address high) = (ascendingMember(0), ascendingMember(1));
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.SignersNotAscending.selector, 1, high, low));
        registry.verifyQuorum(DIGEST, five);
    }

    function test_refusesAStranger() external {
        uint256[] memory secrets = new uint256[](6);
        for (uint256 i = 0; i < 6; ++i) {
            secrets[i] = memberSecret(i);
        }
        secrets[5] = memberSecret(99);
        Signature[] memory six = signAscending(secrets, DIGEST);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, vm.addr(memberSecret(99))));
        registry.verifyQuorum(DIGEST, six);
    }

    function test_refusesASignatureThatRecoversToNobody() external {
        Signature[] memory five = quorum(DIGEST, 0, 5);
        five[0].r = 0;
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.InvalidSignature.selector, 0));
        registry.verifyQuorum(DIGEST, five);
    }

    function ascendingMember(uint256 rank) private pure returns (address) {
        address[] memory five = new address[](5);
        for (uint256 i = 0; i < 5; ++i) {
            five[i] = vm.addr(memberSecret(i));
            for (uint256 j = i; j > 0 && five[j] < five[j - 1]; --j) {
                (five[j], five[j - 1]) = (five[j - 1], five[j]);
            }
        }
        return five[rank];
    }

    // --- rotateGroupKey ---

    function test_installsTheFirstKeyAndPushesIt() external {
        uint256 px = groupPublicKey(GROUP_SECRET);
        vm.expectEmit(true, true, true, true, address(registry));
        emit IOracleRegistry.GroupKeyRotated(1, px, ALL_SEVEN, "transcript", 1);
        vm.expectEmit(true, true, true, true, address(feed));
        emit IPriceFeed.GroupKeySet(1, px);
        rotate(GROUP_SECRET, 0);

        RegistryState memory state = registry.state();
        vm.assertEq(state.keyEpoch, 1);
        vm.assertEq(state.registryVersion, 1);
        vm.assertEq(state.groupKeyX, px);
        vm.assertEq(state.participants, ALL_SEVEN);
        vm.assertEq(feed.groupPublicKeyX(), px);
    }

    function test_rotatesAgainWithTheNextKeyEpoch() external {
        rotate(GROUP_SECRET, 0);
        rotate(GROUP_SECRET + 1, 2);
        vm.assertEq(registry.state().keyEpoch, 2);
        vm.assertEq(feed.groupPublicKeyX(), groupPublicKey(GROUP_SECRET + 1));
    }

    function test_refusesTheSameInstallationTwice() external {
        uint256 px = groupPublicKey(GROUP_SECRET);
        bytes32 digest = groupKeyDigest(px, 1, "transcript", ALL_SEVEN);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, digest);
        Signature[] memory five = quorum(digest, 0, 5);
        registry.rotateGroupKey(px, "transcript", ALL_SEVEN, r, s, five);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.InvalidGroupSignature.selector, px));
        registry.rotateGroupKey(px, "transcript", ALL_SEVEN, r, s, five);
    }

    function test_refusesAKeyThatDidNotSign() external {
        uint256 px = groupPublicKey(GROUP_SECRET);
        bytes32 digest = groupKeyDigest(px, 1, "transcript", ALL_SEVEN);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET + 1, digest);
        Signature[] memory five = quorum(digest, 0, 5);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.InvalidGroupSignature.selector, px));
        registry.rotateGroupKey(px, "transcript", ALL_SEVEN, r, s, five);
    }

    function refusesKeyOfAQuorum(uint256 px, address r, uint256 s) private {
        Signature[] memory five = quorum(groupKeyDigest(px, 1, "transcript", ALL_SEVEN), 0, 5);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.InvalidGroupSignature.selector, px));
        registry.rotateGroupKey(px, "transcript", ALL_SEVEN, r, s, five);
    }

    function test_refusesAKeyThatIsNoLessThanTheOrderOfTheGroup() external {
        refusesKeyOfAQuorum(Schnorr.Q, address(1), 1);
        refusesKeyOfAQuorum(type(uint256).max, address(1), 1);
        // For these −s·px is 1, and ecrecover leaves it where its answer would be.
        refusesKeyOfAQuorum(Schnorr.Q + 1, address(1), Schnorr.Q - 1);
    }

    function test_refusesAKeyThatAQuorumDidNotSign() external {
        uint256 px = groupPublicKey(GROUP_SECRET);
        bytes32 digest = groupKeyDigest(px, 1, "transcript", ALL_SEVEN);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, digest);
        Signature[] memory four = quorum(digest, 0, 4);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.QuorumNotReached.selector, 4, 5));
        registry.rotateGroupKey(px, "transcript", ALL_SEVEN, r, s, four);
    }

    function test_refusesAnotherTranscriptThanTheSignedOne() external {
        uint256 px = groupPublicKey(GROUP_SECRET);
        bytes32 digest = groupKeyDigest(px, 1, "transcript", ALL_SEVEN);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, digest);
        Signature[] memory five = quorum(digest, 0, 5);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.InvalidGroupSignature.selector, px));
        registry.rotateGroupKey(px, "another", ALL_SEVEN, r, s, five);
    }

    function test_refusesParticipantsThatHaveNoSlotOrAreTooFew() external {
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.InvalidParticipants.selector, uint256(1) << 7, ALL_SEVEN)
        );
        registry.rotateGroupKey(1, 0, 1 << 7, address(1), 1, new Signature[](0));
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.TooFewParticipants.selector, 4, 5));
        registry.rotateGroupKey(1, 0, 15, address(1), 1, new Signature[](0));
    }
}
