// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GroupKeys, IGroupKeyConsumer} from "../src/interfaces/IGroupKeyConsumer.sol";
import {
    IOracleRegistry,
    KeyView,
    Member,
    NetworkServices,
    RegistryState,
    Signature
} from "../src/interfaces/IOracleRegistry.sol";
import {Schnorr} from "../src/libraries/Schnorr.sol";
import {Network} from "./support/Network.sol";

contract OracleRegistryTest is Network {
    bytes32 private constant DIGEST = keccak256("digest");
    uint256 private constant ALL_SEVEN = (1 << 7) - 1;

    function setUp() external {
        deployNetwork(7);
    }

    function create(Member[] memory all, NetworkServices memory others) public returns (IOracleRegistry) {
        return deployRegistry(all, others, new IGroupKeyConsumer[](0));
    }

    /// @dev As many aggregators, relayers and gateways, all different, and none of them one of `members`.
    function services(uint256 aggregators, uint256 relayers, uint256 gateways)
        private
        pure
        returns (NetworkServices memory)
    {
        return NetworkServices(
            peers("aggregator", aggregators), peers("relayer", relayers), peers("gateway", gateways)
        );
    }

    function peers(string memory role, uint256 count) private pure returns (Member[] memory all) {
        all = new Member[](count);
        for (uint256 i = 0; i < count; ++i) {
            bytes32 seed = keccak256(abi.encode(role, i));
            all[i] = Member(vm.addr(uint256(seed)), keccak256(abi.encode(seed)));
        }
    }

    function test_asksForTheQuorumOfEverySize() external {
        uint8[13] memory n = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 21, 31];
        uint8[13] memory q = [1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 9, 14, 21];
        for (uint256 i = 0; i < n.length; ++i) {
            registry = create(members(n[i]), noServices());
            Signature[] memory tooFew = quorum(DIGEST, 0, q[i] - 1);
            vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.QuorumNotReached.selector, q[i] - 1, q[i]));
            registry.verifyQuorum(DIGEST, tooFew);
            registry.verifyQuorum(DIGEST, quorum(DIGEST, n[i] - q[i], q[i]));
        }
    }

    function test_takesThreeMembersOnADevelopmentChainOnly() external {
        create(members(3), noServices());
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.TooFewMembers.selector, 3, 4));
        this.create(members(3), noServices());
        create(members(4), noServices());
    }

    function test_takesAtMost128Members() external {
        vm.assertEq(create(members(128), noServices()).members().length, 128);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.TooManyMembers.selector, 129, 128));
        this.create(members(129), noServices());
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.TooFewMembers.selector, 0, 1));
        this.create(new Member[](0), noServices());
    }

    function createWithHandover(uint256 handoverSec) external returns (IOracleRegistry) {
        bytes memory arguments =
            abi.encode(members(4), noServices(), new IGroupKeyConsumer[](0), handoverSec, REGISTRY_TIMELOCK);
        return IOracleRegistry(vm.deployCode("OracleRegistry.sol:OracleRegistry", arguments));
    }

    function test_hasAHandoverOfAMinuteToADay() external {
        vm.chainId(1);
        vm.assertEq(this.createWithHandover(60).state().handoverSec, 60);
        vm.assertEq(this.createWithHandover(86_400).state().handoverSec, 86_400);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.HandoverOutOfRange.selector, 59, 60, 86_400));
        this.createWithHandover(59);
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.HandoverOutOfRange.selector, 86_401, 60, 86_400)
        );
        this.createWithHandover(86_401);
    }

    function test_hasAHandoverOfASecondToADayOnADevelopmentChain() external {
        vm.assertEq(this.createWithHandover(1).state().handoverSec, 1);
        vm.assertEq(this.createWithHandover(86_400).state().handoverSec, 86_400);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.HandoverOutOfRange.selector, 0, 1, 86_400));
        this.createWithHandover(0);
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.HandoverOutOfRange.selector, 86_401, 1, 86_400)
        );
        this.createWithHandover(86_401);
    }

    function test_refusesIncompleteOrRepeatedMembers() external {
        Member[] memory all = members(4);
        all[2].identity = address(0);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.ZeroIdentity.selector, 2));
        this.create(all, noServices());

        all = members(4);
        all[1].peerKey = 0;
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.ZeroPeerKey.selector, 1));
        this.create(all, noServices());

        all = members(4);
        all[3].identity = all[0].identity;
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.DuplicateIdentity.selector, all[0].identity));
        this.create(all, noServices());

        all = members(4);
        all[3].peerKey = all[0].peerKey;
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.DuplicatePeerKey.selector, all[0].peerKey));
        this.create(all, noServices());
    }

    function test_takesAtMost64ServicesTogether() external {
        IOracleRegistry full = create(members(4), services(2, 40, 22));
        vm.assertEq(full.relayers().length, 40);
        vm.assertEq(full.gateways().length, 22);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.TooManyServices.selector, 65, 64));
        this.create(members(4), services(2, 40, 23));
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.TooManyServices.selector, 65, 64));
        this.create(members(4), services(65, 0, 0));
    }

    function test_givesEveryIdentityAndPeerOneRole() external {
        Member[] memory all = members(4);
        NetworkServices memory some = services(1, 1, 1);
        some.aggregators[0].identity = all[1].identity;
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.DuplicateIdentity.selector, all[1].identity));
        this.create(all, some);

        some = services(1, 1, 1);
        some.relayers[0].identity = some.aggregators[0].identity;
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.DuplicateIdentity.selector, some.relayers[0].identity)
        );
        this.create(all, some);

        some = services(1, 1, 1);
        some.gateways[0].peerKey = some.relayers[0].peerKey;
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.DuplicatePeerKey.selector, some.gateways[0].peerKey)
        );
        this.create(all, some);
    }

    /// @dev There are 380 cases.
    /// forge-config: full.fuzz.runs = 256
    function testFuzz_findsARepetitionWhereverItIs(uint256 first, uint256 second) external {
        Member[] memory all = members(20);
        first = bound(first, 0, 19);
        second = bound(second, 0, 19);
        create(all, noServices());
        if (first == second) return;
        all[second].peerKey = all[first].peerKey;
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.DuplicatePeerKey.selector, all[first].peerKey));
        this.create(all, noServices());
        all[second] = Member(all[first].identity, "its own");
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.DuplicateIdentity.selector, all[first].identity)
        );
        this.create(all, noServices());
    }

    function test_countsAnIncompleteServiceBehindTheMembers() external {
        NetworkServices memory some = services(2, 2, 2);
        some.relayers[1].identity = address(0);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.ZeroIdentity.selector, 4 + 2 + 1));
        this.create(members(4), some);

        some = services(2, 2, 2);
        some.gateways[1].peerKey = 0;
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.ZeroPeerKey.selector, 4 + 2 + 2 + 1));
        this.create(members(4), some);
    }

    function test_showsMembersBySlotAndServicesByRole() external {
        Member[] memory four = members(4);
        NetworkServices memory some = services(2, 3, 1);
        IOracleRegistry fresh = create(four, some);
        vm.assertEq(keccak256(abi.encode(fresh.members())), keccak256(abi.encode(four)));
        vm.assertEq(keccak256(abi.encode(fresh.aggregators())), keccak256(abi.encode(some.aggregators)));
        vm.assertEq(keccak256(abi.encode(fresh.relayers())), keccak256(abi.encode(some.relayers)));
        vm.assertEq(keccak256(abi.encode(fresh.gateways())), keccak256(abi.encode(some.gateways)));
        (bool isMember, uint256 slot) = fresh.slotOf(four[3].identity);
        vm.assertTrue(isMember);
        vm.assertEq(slot, 3);
        address[3] memory served =
            [some.aggregators[1].identity, some.relayers[2].identity, some.gateways[0].identity];
        for (uint256 i = 0; i < 3; ++i) {
            (isMember,) = fresh.slotOf(served[i]);
            vm.assertFalse(isMember);
        }
    }

    function test_countsNoServiceInAQuorum() external {
        uint256[] memory secrets = new uint256[](5);
        for (uint256 i = 0; i < 4; ++i) {
            secrets[i] = memberSecret(i);
        }
        secrets[4] = uint256(keccak256(abi.encode("relayer", 0)));
        address relayer = vm.addr(secrets[4]);
        registry = create(members(7), services(1, 1, 1));
        vm.assertEq(registry.relayers()[0].identity, relayer);
        Signature[] memory five = signAscending(secrets, DIGEST);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, relayer));
        registry.verifyQuorum(DIGEST, five);
    }

    function test_handsItsKeyToTheFeed() external view {
        vm.assertEq(registry.consumers().length, 1);
        vm.assertEq(registry.consumers()[0], address(feed));
    }

    // --- verifyQuorum ---

    /// @dev There are six cases, and any digest.
    /// forge-config: full.fuzz.runs = 256
    function testFuzz_acceptsAnyQuorum(uint256 first, uint256 count, bytes32 digest) external view {
        count = bound(count, 5, 7);
        first = bound(first, 0, 7 - count);
        registry.verifyQuorum(digest, quorum(digest, first, count));
    }

    function test_acceptsAQuorumOf128() external {
        registry = create(members(128), noServices());
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
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.SignersNotAscending.selector, 1, signer, signer)
        );
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
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, vm.addr(memberSecret(99)))
        );
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
        emit IOracleRegistry.GroupKeyRotated(1, 1, px, ALL_SEVEN, "transcript", 2, uint40(START));
        vm.expectEmit(true, true, true, true, address(feed));
        emit IGroupKeyConsumer.GroupKeySet(1, px, uint40(START));
        rotate(GROUP_SECRET, 0);

        RegistryState memory state = registry.state();
        KeyView memory newest = KeyView(1, 1, px, "transcript", ALL_SEVEN, 0);
        RegistryState memory expected =
            RegistryState(2, uint40(START), uint32(HANDOVER_SEC), 0, 0, newest, KeyView(0, 0, 0, 0, 0, 0));
        vm.assertEq(keccak256(abi.encode(state)), keccak256(abi.encode(expected)));
        GroupKeys memory keys = GroupKeys(1, px, 0, uint40(START));
        vm.assertEq(keccak256(abi.encode(feed.groupKeys())), keccak256(abi.encode(keys)));
    }

    function test_rotatesAgainWithTheNextKeyEpoch() external {
        rotate(GROUP_SECRET, 0);
        rotate(GROUP_SECRET + 1, 2);
        vm.assertEq(registry.state().newest.keyEpoch, 2);
        vm.assertEq(registry.state().registryVersion, 3);
        vm.assertEq(feed.groupKeys().newest, groupPublicKey(GROUP_SECRET + 1));
    }

    function test_refusesTheSameInstallationTwice() external {
        uint256 px = groupPublicKey(GROUP_SECRET);
        bytes32 digest = groupKeyDigest(px, 1, "transcript", ALL_SEVEN);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, digest);
        Signature[] memory five = quorum(digest, 0, 5);
        registry.rotateGroupKey(px, "transcript", ALL_SEVEN, r, s, five);
        vm.warp(START + HANDOVER_SEC);
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
