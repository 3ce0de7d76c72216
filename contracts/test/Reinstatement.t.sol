// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOracleRegistry, Member, Quote, Signature} from "../src/interfaces/IOracleRegistry.sol";
import {Accusing} from "./support/Accusing.sol";

contract ReinstatementTest is Accusing {
    function setUp() external {
        deployNetwork(7);
        rotate(GROUP_SECRET, 0);
    }

    function test_aSuspendedMemberThatIsListedAgainIsReinstatedAndItsProofIsSpent() external {
        accuse(0);
        propose(members(7), 1);
        vm.assertEq(registry.state().newest.suspended, 1);
        vm.assertEq(registry.state().pendingSuspended, 0);
        rotate(GROUP_SECRET + 1, 1);
        vm.assertEq(registry.state().newest.suspended, 0);
        vm.assertEq(registry.state().newest.participants, 127);
        vm.assertEq(registry.state().previous.suspended, 1);

        (Quote memory a, Quote memory b) = (quote(2e18, 1), quote(3e18, 1));
        (Signature memory sa, Signature memory sb) = (sign(0, a), sign(0, b));
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.EvidenceSpent.selector, 1, 2));
        registry.suspendEquivocator(a, sa, b, sb);
        accuse(0, 2);
        vm.assertEq(registry.state().newest.suspended, 1);
        vm.assertEq(registry.state().previous.suspended, 1);
    }

    // --- suspended while a set is pending ---

    /// @dev Person 7 comes; all others stay.
    function eight() private pure returns (Member[] memory) {
        return members(8);
    }

    function test_aSuspensionThatTheQuorumDidNotKnowOfGoesAlong() external {
        accuse(1);
        propose(eight(), 2);
        accuse(0);
        vm.assertEq(registry.state().newest.suspended, 3);
        vm.assertEq(registry.state().pendingSuspended, 1);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.InvalidParticipants.selector, 255, 254));
        registry.rotateGroupKey(1, 0, 255, address(1), 1, new Signature[](0));

        rotate(GROUP_SECRET + 1, 2);
        vm.assertEq(registry.state().newest.suspended, 1);
        vm.assertEq(registry.state().newest.participants, 254);
        vm.assertEq(registry.state().previous.suspended, 3);
        vm.assertEq(registry.state().pendingSuspended, 0);
        bytes32 digest = keccak256("digest");
        Signature[] memory all = quorum(digest, 0, 8);
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, vm.addr(memberSecret(0)))
        );
        registry.verifyQuorum(digest, all);
        registry.verifyQuorum(digest, quorum(digest, 1, 7));

        // The next decision is made in its knowledge.
        propose(eight(), 1);
        rotate(GROUP_SECRET + 2, 1);
        vm.assertEq(registry.state().newest.suspended, 0);
        (Quote memory a, Quote memory b) = (quote(2e18, 1), quote(3e18, 1));
        (Signature memory sa, Signature memory sb) = (sign(0, a), sign(0, b));
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.EvidenceSpent.selector, 1, 3));
        registry.suspendEquivocator(a, sa, b, sb);
    }

    function test_aListThatWasSignedBeforeASuspensionIsNotProposedAfterIt() external {
        Signature[] memory five = quorum(memberSetDigest(eight()), 1, 5);
        accuse(0);
        vm.expectRevert();
        registry.proposeMembers(eight(), five);
    }

    function test_aListThatReplacesThePendingOneIsDecidedInTheKnowledgeOfTheSuspension() external {
        propose(members(6), 1);
        accuse(0);
        propose(eight(), 1);
        vm.assertEq(registry.state().pendingSuspended, 0);
        rotate(GROUP_SECRET + 1, 1);
        vm.assertEq(registry.state().newest.suspended, 0);
    }

    function test_whoTakesTheSlotOfASuspendedMemberIsNotSuspended() external {
        Member[] memory list = members(7);
        list[0] = member(7);
        delete list[6];
        propose(list, 1);
        accuse(0);
        accuse(6);
        vm.assertEq(registry.state().newest.suspended, 65);
        vm.assertEq(registry.state().pendingSuspended, 0);
        rotate(GROUP_SECRET + 1, 1);
        vm.assertEq(registry.state().newest.suspended, 0);
        vm.assertEq(registry.state().newest.participants, 63);
    }

    function test_aWithdrawalEndsNoSuspension() external {
        accuse(0);
        propose(eight(), 1);
        accuse(1);
        propose(members(7), 2);
        vm.assertEq(registry.state().pendingSet, 0);
        vm.assertEq(registry.state().newest.suspended, 3);
        rotate(GROUP_SECRET + 1, 2);
        vm.assertEq(registry.state().newest.suspended, 3);
    }

    function test_aNewSetNeedsAQuorumWithoutThoseWhoWereSuspended() external {
        // n = 4: q = 3, and two of these four are suspended before they come.
        propose(members(4), 2);
        accuse(0);
        accuse(1);
        vm.assertEq(registry.state().pendingSuspended, 3);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.TooFewParticipants.selector, 2, 3));
        registry.rotateGroupKey(1, 0, 12, address(1), 1, new Signature[](0));
        // The members in force decide again.
        propose(eight(), 2);
        rotate(GROUP_SECRET + 1, 2);
    }

    // --- proofs of before ---

    function test_whoWasNotSuspendedAnswersForItsQuotesAfterANewSetToo() external {
        accuse(0);
        propose(members(7), 1);
        rotate(GROUP_SECRET + 1, 1);
        accuse(5, 1);
        vm.assertEq(registry.state().newest.suspended, 1 << 5);
    }

    function test_aMemberThatLeavesWhileSuspendedComesBackWithItsProofsSpent() external {
        accuse(0);
        Member[] memory six = members(7);
        delete six[0];
        propose(six, 1);
        rotate(GROUP_SECRET + 1, 1);
        (Quote memory a, Quote memory b) = (quote(2e18, 1), quote(3e18, 1));
        (Signature memory sa, Signature memory sb) = (sign(0, a), sign(0, b));
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, vm.addr(memberSecret(0)))
        );
        registry.suspendEquivocator(a, sa, b, sb);

        propose(members(7), 1);
        rotate(GROUP_SECRET + 2, 1);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.EvidenceSpent.selector, 1, 2));
        registry.suspendEquivocator(a, sa, b, sb);
    }

    function test_aSuspensionCountsUnderBothKeysOfOneSet() external {
        rotate(GROUP_SECRET + 1, 0);
        accuse(4);
        vm.assertEq(registry.state().newest.suspended, 1 << 4);
        vm.assertEq(registry.state().previous.suspended, 1 << 4);
    }

    function test_theCapOfANewSetFollowsFromItsOwnMembers() external {
        accuse(0);
        accuse(1);
        // n = 4: f = 1, q = 3.
        propose(members(4), 2);
        rotate(GROUP_SECRET + 1, 2);
        accuse(2);
        vm.assertEq(registry.state().newest.suspended, 1 << 2);
        vm.expectEmit(true, true, true, true, address(registry));
        emit IOracleRegistry.EquivocationRecorded(vm.addr(memberSecret(3)), 3, 2);
        accuse(3);
    }
}
