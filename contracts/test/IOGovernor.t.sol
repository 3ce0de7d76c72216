// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {IIOGovernor} from "../src/interfaces/IIOGovernor.sol";
import {Governance} from "./support/Governance.sol";

contract IOGovernorTest is Governance {
    function setUp() external {
        deployEconomy(0);
    }

    function inert(uint256 time, uint256 supply) private view returns (bytes memory) {
        return
            abi.encodeWithSelector(
                IIOGovernor.Inert.selector, time, governor.activeFrom(), supply, MIN_SUPPLY
            );
    }

    function refusesToPropose(bytes memory reason) private {
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = actions();
        vm.prank(ALICE);
        vm.expectRevert(reason);
        governor.propose(targets, values, calls, "a fee of 3%");
    }

    // --- when ---

    function test_isInertForAHundredAndEightyDays() external {
        vm.assertEq(governor.activeFrom(), START + INERT_SEC);
        giveVotes(ALICE, MIN_SUPPLY - GENESIS);
        vm.warp(START + INERT_SEC - 1);
        refusesToPropose(inert(START + INERT_SEC - 1, MIN_SUPPLY));
        vm.warp(START + INERT_SEC);
        propose(ALICE);
    }

    function test_isInertBelowTwoMillionIo() external {
        giveVotes(ALICE, MIN_SUPPLY - GENESIS - 1);
        vm.warp(START + INERT_SEC);
        refusesToPropose(inert(START + INERT_SEC, MIN_SUPPLY - 1));
        giveIo(BOB, 1);
        propose(ALICE);
    }

    function testFuzz_isActiveOnlyWithBoth(uint256 time, uint256 supply) external {
        time = bound(time, START + 1, START + 2 * INERT_SEC);
        supply = bound(supply, GENESIS, 2 * MIN_SUPPLY);
        delegate(ALICE);
        giveIo(BOB, supply - GENESIS);
        waitUntil(time);
        time = vm.getBlockTimestamp();
        if (time >= START + INERT_SEC && supply >= MIN_SUPPLY) propose(ALICE);
        else refusesToPropose(inert(time, supply));
    }

    // --- who, how long, how many ---

    function test_itsRulesAreConstants() external view {
        vm.assertEq(governor.votingDelay(), 2 days);
        vm.assertEq(governor.votingPeriod(), 7 days);
        vm.assertEq(governor.proposalThreshold(), 20_000e18);
        vm.assertEq(governor.INERT_SEC(), 180 days);
        vm.assertEq(governor.MIN_SUPPLY(), 2_000_000e18);
        vm.assertEq(governor.MIN_QUORUM(), 200_000e18);
        vm.assertEq(governor.QUORUM_BPS(), 400);
        vm.assertEq(governor.name(), "IO Governor");
        vm.assertEq(address(governor.token()), address(io));
        vm.assertEq(governor.CLOCK_MODE(), "mode=timestamp");
        vm.assertTrue(governor.proposalNeedsQueuing(0));
    }

    function test_whoProposesHasTwentyThousandVotes() external {
        awaken();
        giveVotes(BOB, 20_000e18 - 1);
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = actions();
        vm.prank(BOB);
        vm.expectRevert(
            abi.encodeWithSelector(
                IGovernor.GovernorInsufficientProposerVotes.selector, BOB, 20_000e18 - 1, 20_000e18
            )
        );
        governor.propose(targets, values, calls, "a fee of 3%");
        giveIo(BOB, 1);
        pass(1);
        propose(BOB);
    }

    function testFuzz_quorumIsFourPercentRoundedUpOrTwoHundredThousand(uint256 supply) external view {
        supply = bound(supply, 0, io.MAX_SUPPLY());
        uint256 quorum_ = governor.quorumOf(supply);
        vm.assertGe(quorum_, 200_000e18);
        vm.assertGe(quorum_ * 25, supply);
        if (quorum_ != 200_000e18) vm.assertTrue((quorum_ - 1) * 25 < supply);
        if (supply > 5_000_000e18) vm.assertTrue(quorum_ > 200_000e18);
        else vm.assertEq(quorum_, 200_000e18);
    }

    function test_quorumIsThatOfTheSnapshot() external {
        giveIo(BOB, 9_000_000e18);
        pass(1);
        giveIo(BOB, 5_000_000e18);
        vm.assertEq(governor.quorum(START), 400_000e18);
        pass(1);
        vm.assertEq(governor.quorum(START + 1), 600_000e18);
    }

    function test_twoHundredThousandVotesDecide() external {
        awaken();
        giveVotes(BOB, 200_000e18);
        uint256 proposal = propose(BOB);
        isIn(proposal, IGovernor.ProposalState.Pending);
        pass(2 days + 1);
        voteFor(proposal, BOB);
        isIn(proposal, IGovernor.ProposalState.Active);
        pass(7 days);
        isIn(proposal, IGovernor.ProposalState.Succeeded);
    }

    function test_fewerVotesDecideNothing() external {
        awaken();
        giveVotes(BOB, 200_000e18 - 1);
        uint256 proposal = propose(BOB);
        pass(2 days + 1);
        voteFor(proposal, BOB);
        pass(7 days);
        isIn(proposal, IGovernor.ProposalState.Defeated);
    }

    function test_votesBoughtAfterTheSnapshotCountNothing() external {
        awaken();
        giveVotes(BOB, 20_000e18);
        uint256 proposal = propose(BOB);
        pass(2 days + 1);
        giveVotes(BOB, 10_000_000e18);
        voteFor(proposal, BOB);
        pass(7 days);
        isIn(proposal, IGovernor.ProposalState.Defeated);
    }

    // --- through its timelock ---

    function test_whatPassesHappensAfterFourteenDaysMore() external {
        awaken();
        giveVotes(BOB, 200_000e18);
        uint256 proposal = propose(BOB);
        pass(2 days + 1);
        voteFor(proposal, BOB);
        pass(7 days);
        queue();
        isIn(proposal, IGovernor.ProposalState.Queued);
        uint256 eta = governor.proposalEta(proposal);
        vm.assertEq(eta, vm.getBlockTimestamp() + 14 days);
        vm.warp(eta - 1);
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = actions();
        vm.expectRevert();
        governor.execute(targets, values, calls, keccak256("a fee of 3%"));
        vm.warp(eta);
        execute();
        isIn(proposal, IGovernor.ProposalState.Executed);
        vm.assertEq(parameters.paramsOf(2).feeBps, 300);
    }

    function test_itsProposerCanTakeItBackBeforeTheVote() external {
        awaken();
        giveVotes(BOB, 200_000e18);
        uint256 proposal = propose(BOB);
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = actions();
        vm.prank(BOB);
        governor.cancel(targets, values, calls, keccak256("a fee of 3%"));
        isIn(proposal, IGovernor.ProposalState.Canceled);
    }

    function testFuzz_neverLeavesItsTimelock(address caller) external {
        bytes memory reason = abi.encodeWithSelector(IIOGovernor.TimelockFixed.selector);
        vm.prank(caller);
        vm.expectRevert(reason);
        governor.updateTimelock(TimelockController(payable(caller)));
        vm.prank(address(timelock));
        vm.expectRevert(reason);
        governor.updateTimelock(TimelockController(payable(caller)));
        vm.assertEq(governor.timelock(), address(timelock));
    }

    function testFuzz_doesNothingForOthers(address caller) external {
        vm.assume(caller != address(timelock));
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorOnlyExecutor.selector, caller));
        governor.relay(address(timelock), 0, "");
    }
}
