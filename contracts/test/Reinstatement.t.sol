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
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, vm.addr(memberSecret(0))));
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
