// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochParams, IParameters} from "../../../src/interfaces/IParameters.sol";
import {
    IOracleRegistry,
    Member,
    Quote,
    RegistryState,
    Signature
} from "../../../src/interfaces/IOracleRegistry.sol";
import {OracleDomain} from "../../../src/libraries/OracleDomain.sol";
import {Price} from "./Books.sol";
import {Prices} from "./Prices.sol";

/// @notice Who rules: members that rotate, propose and are suspended, the timelock; and time itself.
contract Members is Prices {
    bytes32 private constant QUOTE_TYPEHASH = keccak256(
        "Quote(uint32 keyEpoch,bytes32 feedId,uint40 round,uint80 price,uint16 confidence,uint40 observedAt,bytes32 sourcesRoot)"
    );

    function rotateKey(uint256 seed) external {
        RegistryState memory state = registry.state();
        if (vm.getBlockTimestamp() < state.switchesAt) return;
        bool isPending = state.pendingSet != 0;
        (uint256 slots, uint256 n) =
            occupied(isPending ? registry.membersOf(state.pendingSet) : registry.members());
        slots &= ~(isPending ? state.pendingSuspended : state.newest.suspended);
        if (countBits(slots) < quorumOf(n)) return;
        uint256 secret = uint256(keccak256(abi.encode("group", state.newest.keyEpoch, seed)));
        mustSend(anybody(seed), address(registry), rotation(secret, state.newest.keyEpoch + 1, slots, seed));
        groupSecret = secret;
        did("rotation");
        if (isPending) did("rotation to another set");
    }

    function rotation(uint256 secret, uint32 keyEpoch, uint256 slots, uint256 seed)
        private
        returns (bytes memory)
    {
        uint256 px = groupPublicKey(secret);
        bytes32 digest = groupKeyDigest(px, keyEpoch, "transcript", slots);
        (address r, uint256 s) = signSchnorr(secret, digest);
        return abi.encodeCall(
            IOracleRegistry.rotateGroupKey, (px, "transcript", slots, r, s, signedByQuorum(digest, seed))
        );
    }

    function proposeSet(uint256 seed) external {
        if (seed % 2 == 0) return;
        Member[] memory list = changedSet(roll(seed, "change"));
        bytes memory data = abi.encodeCall(
            IOracleRegistry.proposeMembers, (list, signedByQuorum(memberSetDigest(list), seed))
        );
        mustSend(anybody(seed), address(registry), data);
        did("proposal");
    }

    /// @dev At most f in a key epoch, and never so many that fewer than a quorum are left.
    function suspendLiar(uint256 seed) external {
        if (seed % 2 == 0) return;
        RegistryState memory state = registry.state();
        Member[] memory list = registry.members();
        uint256 slot = roll(seed, "liar") % list.length;
        if (list[slot].identity == address(0) || (state.newest.suspended >> slot) & 1 == 1) return;
        Quote memory quote =
            Quote(state.newest.keyEpoch, FEED_ID, uint40(seed), 1e18, 25, uint40(START), bytes32(seed));
        Signature memory first = signedQuote(list[slot].identity, quote);
        Quote memory other =
            Quote(quote.keyEpoch, FEED_ID, quote.round, 2e18, 25, uint40(START), bytes32(seed));
        Signature memory second = signedQuote(list[slot].identity, other);
        registry.suspendEquivocator(quote, first, other, second);
        bytes memory proven =
            abi.encodeCall(IOracleRegistry.suspendEquivocator, (quote, first, other, second));
        if (registry.state().newest.suspended == state.newest.suspended) {
            did("liar on record");
        } else {
            noteUsed(address(registry), proven);
            did("suspension");
        }
    }

    function signedQuote(address identity, Quote memory quote) private view returns (Signature memory) {
        bytes32 structHash = keccak256(abi.encode(QUOTE_TYPEHASH, quote));
        return compact(secretOf[identity], OracleDomain.digest(registry.DOMAIN_SEPARATOR(), structHash));
    }

    // --- the timelock ---

    function setParameters(uint256 seed) external {
        EpochParams memory params = firstParams();
        params.hiredBps = uint16(roll(seed, "hired") % 9001);
        params.hireTaxBps = uint16(482 + roll(seed, "tax") % 1519);
        params.feeBps = uint16(roll(seed, "fee") % 1001);
        bytes memory data = abi.encodeCall(IParameters.set, (params));
        mustFail(
            anybody(seed), address(parameters), data, "invariant 19: parameters set by an ordinary account"
        );
        vm.prank(address(timelock));
        parameters.set(params);
        paramsFrom.push(currentEpoch() + 1);
        paramsValues.push(params);
        did("parameters");
    }

    /// @dev In force at once, and the key before it is dead in the same second.
    function installSet(uint256 seed) external {
        if (seed % 4 != 0) return;
        Member[] memory list = changedSet(roll(seed, "change"));
        bytes memory data = abi.encodeCall(IOracleRegistry.installSet, (list));
        mustFail(
            anybody(seed), address(registry), data, "invariant 19: a set installed by an ordinary account"
        );
        uint256 dead = groupSecret;
        vm.prank(address(timelock));
        registry.installSet(list);
        groupSecret = 0;
        did("set installed");
        if (dead == 0) return;
        Price memory next = nextPrice(seed);
        uint256 reportWord = word(next.price, next.confidence, next.observedAt, next.round);
        (address r, uint256 s) = signSchnorr(dead, feed.reportDigest(reportWord));
        data = abi.encodeCall(feed.update, (reportWord, r, s));
        mustFail(hostiles[0], address(feed), data, "invariant 17: a price under a key that was replaced");
    }

    /// @dev Those in force with one more, one fewer, or another in somebody's place; never fewer than four.
    function changedSet(uint256 seed) private returns (Member[] memory list) {
        list = registry.members();
        (, uint256 n) = occupied(list);
        uint256 slot = seed % list.length;
        uint256 change = (seed >> 8) % 4;
        if (change == 0 && n < 7) {
            Member[] memory longer = new Member[](list.length + 1);
            for (uint256 i = 0; i < list.length; ++i) {
                longer[i] = list[i];
            }
            longer[list.length] = newPerson();
            return longer.length <= 12 ? longer : list;
        }
        if (change == 1 && n > 4) {
            list[slot] = Member(address(0), 0);
        } else if (change == 2) {
            list[slot] = newPerson();
        }
    }
}
