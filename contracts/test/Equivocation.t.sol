// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOracleRegistry, Quote, Signature} from "../src/interfaces/IOracleRegistry.sol";
import {OracleDomain} from "../src/libraries/OracleDomain.sol";
import {Accusing} from "./support/Accusing.sol";

contract EquivocationTest is Accusing {
    function setUp() external {
        deployNetwork(7);
        rotate(GROUP_SECRET, 0);
    }

    function test_suspendsAMemberThatSignedTwoPricesForOneRound() external {
        vm.expectEmit(true, true, true, true, address(registry));
        emit IOracleRegistry.MemberSuspended(vm.addr(memberSecret(4)), 4, 1, 3);
        accuse(4);
        vm.assertEq(registry.state().newest.suspended, 1 << 4);
        vm.assertEq(registry.state().registryVersion, 3);
    }

    function testFuzz_anyDifferentFieldIsAnEquivocation(uint256 field) external {
        (Quote memory a, Quote memory b) = (quote(2e18), quote(2e18));
        field = bound(field, 0, 3);
        if (field == 0) b.price += 1;
        if (field == 1) b.confidence += 1;
        if (field == 2) b.observedAt += 1;
        if (field == 3) b.sourcesRoot = 0;
        registry.suspendEquivocator(a, sign(0, a), b, sign(0, b));
        vm.assertEq(registry.state().newest.suspended, 1);
    }

    function test_aSuspendedMemberCountsForNoQuorumAndHoldsNoShare() external {
        accuse(4);
        bytes32 digest = keccak256("digest");
        Signature[] memory seven = quorum(digest, 0, 7);
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, vm.addr(memberSecret(4)))
        );
        registry.verifyQuorum(digest, seven);

        uint256 allowed = 127 - 16;
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.InvalidParticipants.selector, 127, allowed));
        registry.rotateGroupKey(1, 0, 127, address(1), 1, seven);
    }

    function test_oneQuoteSignedTwiceIsNoFault() external {
        Quote memory a = quote(2e18);
        Signature memory signature = sign(0, a);
        bytes32 digest = OracleDomain.digest(
            registry.DOMAIN_SEPARATOR(),
            keccak256(
                abi.encode(
                    QUOTE_TYPEHASH,
                    a.keyEpoch,
                    a.feedId,
                    a.round,
                    a.price,
                    a.confidence,
                    a.observedAt,
                    a.sourcesRoot
                )
            )
        );
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.SameQuote.selector, digest));
        registry.suspendEquivocator(a, signature, a, signature);
    }

    function test_refusesAnInvalidSignatureInEitherPlace() external {
        (Quote memory a, Quote memory b) = (quote(2e18), quote(3e18));
        (Signature memory sa, Signature memory sb) = (sign(0, a), sign(0, b));
        Signature memory invalid = Signature(0, sa.yParityAndS);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.InvalidSignature.selector, 0));
        registry.suspendEquivocator(a, invalid, b, sb);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.InvalidSignature.selector, 1));
        registry.suspendEquivocator(a, sa, b, invalid);
    }

    function test_differentRoundsOrFeedsAreNoFault() external {
        (Quote memory a, Quote memory b) = (quote(2e18), quote(3e18));
        b.round += 10;
        (Signature memory sa, Signature memory sb) = (sign(0, a), sign(0, b));
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.NotSameRound.selector));
        registry.suspendEquivocator(a, sa, b, sb);

        b = quote(3e18);
        b.feedId = keccak256("another feed");
        sb = sign(0, b);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.NotSameRound.selector));
        registry.suspendEquivocator(a, sa, b, sb);
    }

    function test_evidenceOutlivesItsKeyEpoch() external {
        rotate(GROUP_SECRET + 1, 0);
        rotate(GROUP_SECRET + 2, 0);
        vm.expectEmit(true, true, true, true, address(registry));
        emit IOracleRegistry.MemberSuspended(vm.addr(memberSecret(4)), 4, 3, 5);
        accuse(4, 1);
        vm.expectEmit(true, true, true, true, address(registry));
        emit IOracleRegistry.MemberSuspended(vm.addr(memberSecret(5)), 5, 3, 6);
        accuse(5, 2);
        vm.assertEq(registry.state().newest.suspended, 3 << 4);
    }

    function test_refusesAKeyEpochThatHasNotBegun() external {
        (Quote memory a, Quote memory b) = (quote(2e18, 2), quote(3e18, 2));
        (Signature memory sa, Signature memory sb) = (sign(0, a), sign(0, b));
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.KeyEpochInFuture.selector, 2, 1));
        registry.suspendEquivocator(a, sa, b, sb);
        rotate(GROUP_SECRET + 1, 0);
        registry.suspendEquivocator(a, sa, b, sb);
        vm.assertEq(registry.state().newest.suspended, 1);
    }

    function test_oneRoundUnderTwoKeysIsNoFault() external {
        (Quote memory a, Quote memory b) = (quote(2e18, 1), quote(3e18, 2));
        (Signature memory sa, Signature memory sb) = (sign(0, a), sign(0, b));
        rotate(GROUP_SECRET + 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.DifferentKeyEpochs.selector, 1, 2));
        registry.suspendEquivocator(a, sa, b, sb);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.DifferentKeyEpochs.selector, 2, 1));
        registry.suspendEquivocator(b, sb, a, sa);
    }

    function test_refusesQuotesOfTwoMembers() external {
        (Quote memory a, Quote memory b) = (quote(2e18), quote(3e18));
        (Signature memory sa, Signature memory sb) = (sign(0, a), sign(1, b));
        vm.expectRevert(
            abi.encodeWithSelector(
                IOracleRegistry.DifferentSigners.selector, vm.addr(memberSecret(0)), vm.addr(memberSecret(1))
            )
        );
        registry.suspendEquivocator(a, sa, b, sb);
    }

    function test_refusesStrangersAndTheAlreadySuspended() external {
        (Quote memory a, Quote memory b) = (quote(2e18), quote(3e18));
        (Signature memory sa, Signature memory sb) = (sign(99, a), sign(99, b));
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, vm.addr(memberSecret(99)))
        );
        registry.suspendEquivocator(a, sa, b, sb);

        accuse(3);
        (sa, sb) = (sign(3, a), sign(3, b));
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, vm.addr(memberSecret(3)))
        );
        registry.suspendEquivocator(a, sa, b, sb);
    }

    function test_onlyRecordsWhatIsBeyondFInAKeyEpoch() external {
        accuse(0);
        accuse(1);
        vm.expectEmit(true, true, true, true, address(registry));
        emit IOracleRegistry.EquivocationRecorded(vm.addr(memberSecret(2)), 2, 1);
        accuse(2);
        vm.assertEq(registry.state().newest.suspended, 3);
        vm.assertEq(registry.state().registryVersion, 4);
    }

    function test_recordsAMemberOnceInAKeyEpoch() external {
        accuse(0);
        accuse(1);
        accuse(2);
        (Quote memory a, Quote memory b) = (quote(2e18), quote(4e18));
        (Signature memory sa, Signature memory sb) = (sign(2, a), sign(2, b));
        vm.recordLogs();
        registry.suspendEquivocator(a, sa, b, sb);
        vm.assertEq(vm.getRecordedLogs().length, 0);
        vm.expectEmit(true, true, true, true, address(registry));
        emit IOracleRegistry.EquivocationRecorded(vm.addr(memberSecret(3)), 3, 1);
        accuse(3);
        // Five of seven are left, a quorum: still nobody more can go, and the new epoch says so once more.
        rotate(GROUP_SECRET + 1, 2);
        vm.expectEmit(true, true, true, true, address(registry));
        emit IOracleRegistry.EquivocationRecorded(vm.addr(memberSecret(2)), 2, 2);
        registry.suspendEquivocator(a, sa, b, sb);
    }

    function test_theCapIsOfTheEpochOfTheSuspensionsWhateverThatOfTheQuotes() external {
        // n = 12: f = 3, q = 8.
        deployNetwork(12);
        rotate(GROUP_SECRET, 0);
        rotate(GROUP_SECRET + 1, 0);
        accuse(0, 1);
        accuse(1, 2);
        accuse(2, 0);
        vm.assertEq(registry.state().newest.suspended, 7);
        vm.expectEmit(true, true, true, true, address(registry));
        emit IOracleRegistry.EquivocationRecorded(vm.addr(memberSecret(3)), 3, 2);
        accuse(3, 1);
        vm.assertEq(registry.state().newest.suspended, 7);
    }

    function test_neverLeavesFewerThanAQuorumActive() external {
        accuse(0);
        accuse(1);
        rotate(GROUP_SECRET + 1, 2);
        vm.expectEmit(true, true, true, true, address(registry));
        emit IOracleRegistry.EquivocationRecorded(vm.addr(memberSecret(2)), 2, 2);
        accuse(2);
        // The five that are left can still install a key.
        rotate(GROUP_SECRET + 2, 2);
        vm.assertEq(registry.state().newest.keyEpoch, 3);
    }

    function test_aNewKeyEpochAllowsFurtherSuspensionsByTheSameProofs() external {
        // n = 12: f = 3, q = 8, so that four can go and a quorum is left.
        deployNetwork(12);
        for (uint256 slot = 0; slot < 4; ++slot) {
            accuse(slot);
        }
        vm.assertEq(registry.state().newest.suspended, 7);
        rotate(GROUP_SECRET, 3);
        accuse(3, 0);
        vm.assertEq(registry.state().newest.suspended, 15);
    }
}
