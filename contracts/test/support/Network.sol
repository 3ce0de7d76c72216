// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BurnerParams, IBurner} from "../../src/interfaces/IBurner.sol";
import {IGroupKeyConsumer} from "../../src/interfaces/IGroupKeyConsumer.sol";
import {Genesis, Pools} from "../../src/interfaces/IIO.sol";
import {IIOSD} from "../../src/interfaces/IIOSD.sol";
import {
    IOracleRegistry,
    Member,
    NetworkServices,
    RegistryState,
    Signature
} from "../../src/interfaces/IOracleRegistry.sol";
import {FeedParams, IPriceFeed} from "../../src/interfaces/IPriceFeed.sol";
import {OracleDomain} from "../../src/libraries/OracleDomain.sol";
import {Signing} from "./Signing.sol";
import {IVotingIO} from "./Voting.sol";

/// @notice A whole network, deployed from the compiled artifacts (`new` would compile them into every test contract): n members whose private keys the test holds, the contracts, and builders of what they sign.
abstract contract Network is Signing {
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant EPOCH_LENGTH_SEC = 60;
    uint256 internal constant EMA_PERIOD_SEC = 600;
    uint256 internal constant MAX_AGE_SEC = 30;
    uint256 internal constant MAX_FUTURE_SEC = 15;
    uint256 internal constant HANDOVER_SEC = 100;
    bytes32 internal constant FEED_ID = keccak256("IO/USD");

    address internal constant ALICE = address(0xA11CE);
    address internal constant MINTER = address(0x111);
    address internal constant ESCROW = address(0xE5C);
    address internal constant REGISTRY_TIMELOCK = address(0x71);
    address internal constant DISTRIBUTOR = address(0xD157);
    uint256 internal constant GENESIS = 1_000_000e18;

    uint256 internal constant GROUP_SECRET = uint256(keccak256("group secret"));

    IVotingIO internal io;
    IIOSD internal iosd;
    IOracleRegistry internal registry;
    IPriceFeed internal feed;
    IBurner internal burner;

    function deployNetwork(uint256 n) internal {
        vm.warp(START);
        uint256 nonce = vm.getNonce(address(this));
        address feedAddress = vm.computeCreateAddress(address(this), nonce + 3);
        address burnerAddress = vm.computeCreateAddress(address(this), nonce + 4);

        Genesis[] memory genesis = new Genesis[](1);
        genesis[0] = Genesis(ALICE, GENESIS);
        io = IVotingIO(
            vm.deployCode(
                "IO.sol:IO", abi.encode(MINTER, burnerAddress, Pools(address(0), ESCROW, address(0)), genesis)
            )
        );
        iosd = IIOSD(vm.deployCode("IOSD.sol:IOSD", abi.encode(burnerAddress, ESCROW)));
        IGroupKeyConsumer[] memory consumers = new IGroupKeyConsumer[](1);
        consumers[0] = IGroupKeyConsumer(feedAddress);
        registry = deployRegistry(members(n), noServices(), consumers);
        feed = deployFeed(feedParams());
        burner = deployBurner(DISTRIBUTOR, BurnerParams(uint40(START), uint40(EPOCH_LENGTH_SEC)));
        require(address(feed) == feedAddress && address(burner) == burnerAddress, "addresses");
    }

    function deployRegistry(
        Member[] memory all,
        NetworkServices memory services,
        IGroupKeyConsumer[] memory consumers
    ) internal returns (IOracleRegistry) {
        return deployRegistry(all, services, consumers, REGISTRY_TIMELOCK);
    }

    function deployRegistry(
        Member[] memory all,
        NetworkServices memory services,
        IGroupKeyConsumer[] memory consumers,
        address timelock
    ) internal returns (IOracleRegistry) {
        bytes memory arguments = abi.encode(all, services, consumers, HANDOVER_SEC, timelock);
        return IOracleRegistry(vm.deployCode("OracleRegistry.sol:OracleRegistry", arguments));
    }

    function deployFeed(FeedParams memory params) internal returns (IPriceFeed) {
        bytes memory arguments = abi.encode(address(registry), FEED_ID, params);
        return IPriceFeed(vm.deployCode("PriceFeed.sol:PriceFeed", arguments));
    }

    function deployBurner(address distributor, BurnerParams memory params) internal returns (IBurner) {
        bytes memory arguments =
            abi.encode(address(io), address(iosd), address(feed), address(registry), distributor, params);
        return IBurner(vm.deployCode("Burner.sol:Burner", arguments));
    }

    function feedParams() internal view returns (FeedParams memory) {
        return FeedParams({
            base: address(io),
            maxAgeSec: uint40(MAX_AGE_SEC),
            maxFutureSec: uint40(MAX_FUTURE_SEC),
            emaPeriodSec: uint40(EMA_PERIOD_SEC),
            description: "IO / USD"
        });
    }

    function memberSecret(uint256 slot) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode("member", slot)));
    }

    function member(uint256 person) internal pure returns (Member memory) {
        return Member(vm.addr(memberSecret(person)), keccak256(abi.encode("peer", person)));
    }

    /// @dev Person i is in slot i.
    function members(uint256 n) internal pure returns (Member[] memory all) {
        all = new Member[](n);
        for (uint256 i = 0; i < n; ++i) {
            all[i] = member(i);
        }
    }

    function noServices() internal pure returns (NetworkServices memory) {
        return NetworkServices(new Member[](0), new Member[](0), new Member[](0));
    }

    function quorumOf(uint256 n) internal pure returns (uint256) {
        return (n + (n - 1) / 3 + 2) / 2;
    }

    /// @dev The slots of a list that are not empty, and how many they are.
    function occupied(Member[] memory list) internal pure returns (uint256 slots, uint256 n) {
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i].identity == address(0)) continue;
            slots |= 1 << i;
            ++n;
        }
    }

    /// @dev Signatures of the members in slots first … first + count − 1, ascending by address.
    function quorum(bytes32 digest, uint256 first, uint256 count) internal pure returns (Signature[] memory) {
        uint256[] memory secrets = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            secrets[i] = memberSecret(first + i);
        }
        return signAscending(secrets, digest);
    }

    function groupKeyDigest(uint256 px, uint32 keyEpoch, bytes32 transcriptHash, uint256 participants)
        internal
        view
        returns (bytes32)
    {
        bytes32 typeHash = keccak256(
            "GroupKey(uint32 keyEpoch,uint32 registryVersion,uint32 memberSet,bytes32 transcriptHash,uint256 participants,uint256 px)"
        );
        RegistryState memory state = registry.state();
        uint32 memberSet = state.pendingSet == 0 ? state.newest.memberSet : state.pendingSet;
        return OracleDomain.digest(
            OracleDomain.separator(address(registry)),
            keccak256(
                abi.encode(
                    typeHash, keyEpoch, state.registryVersion, memberSet, transcriptHash, participants, px
                )
            )
        );
    }

    function memberSetDigest(Member[] memory list) internal view returns (bytes32) {
        bytes32 typeHash = keccak256("MemberSet(uint32 registryVersion,bytes32 membersHash)");
        return OracleDomain.digest(
            OracleDomain.separator(address(registry)),
            keccak256(abi.encode(typeHash, registry.state().registryVersion, keccak256(abi.encode(list))))
        );
    }

    /// @dev Proposes a list, signed by a quorum of persons from `first` on.
    function propose(Member[] memory list, uint256 first) internal {
        (, uint256 n) = occupied(registry.members());
        registry.proposeMembers(list, quorum(memberSetDigest(list), first, quorumOf(n)));
    }

    /// @dev Installs the key of `secret` with all whom the next key may have as participants, signed by persons from
    /// `first` on. Waits for the end of a handover.
    function rotate(uint256 secret, uint256 first) internal {
        RegistryState memory state = registry.state();
        waitUntil(state.switchesAt);
        (uint256 all, uint256 n) = occupied(registry.members());
        if (state.pendingSet == 0) {
            all &= ~state.newest.suspended;
        } else {
            (all,) = occupied(registry.membersOf(state.pendingSet));
            all &= ~state.pendingSuspended;
        }
        uint256 px = groupPublicKey(secret);
        bytes32 digest = groupKeyDigest(px, state.newest.keyEpoch + 1, "transcript", all);
        (address r, uint256 s) = signSchnorr(secret, digest);
        registry.rotateGroupKey(px, "transcript", all, r, s, quorum(digest, first, quorumOf(n)));
    }

    function waitUntil(uint256 time) internal {
        if (vm.getBlockTimestamp() < time) vm.warp(time);
    }

    /// @dev A word observed `observedAt` in the round that starts at that second.
    function word(uint256 price, uint256 observedAt) internal pure returns (uint256) {
        return word(price, 25, observedAt, observedAt * 10);
    }

    function word(uint256 price, uint256 confidence, uint256 observedAt, uint256 round)
        internal
        pure
        returns (uint256)
    {
        return (price << 176) | (confidence << 80) | (observedAt << 40) | round;
    }

    /// @dev Signs with the group key and updates the feed.
    function update(uint256 reportWord) internal {
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, feed.reportDigest(reportWord));
        feed.update(reportWord, r, s);
    }
}
