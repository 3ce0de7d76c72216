// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

import {IIOGovernor} from "../src/interfaces/IIOGovernor.sol";
import {EpochParams, IParameters} from "../src/interfaces/IParameters.sol";
import {Governance} from "./support/Governance.sol";

/// @notice An attacker who buys votes while they are cheap. Without the two bounds, 4% of what the first day emits,
/// 657 IO, would have decided.
contract GovernanceCaptureTest is Governance {
    address private constant MALLORY = address(0xBAD);

    function setUp() external {
        deployEconomy(0, 0);
        delegate(MALLORY);
    }

    /// @dev MALLORY buys every IO that there is on that day.
    function buyEverything(uint256 day) private returns (uint256 supply) {
        vm.warp(START + day * 1 days);
        supply = emission.scheduledUntil(uint64(day * 1 days));
        giveIo(MALLORY, supply);
        pass(1);
        vm.assertEq(io.getVotes(MALLORY), io.totalSupply());
    }

    function refusesToPropose(uint256 supply) private {
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = actions();
        bytes memory reason = abi.encodeWithSelector(
            IIOGovernor.Inert.selector, vm.getBlockTimestamp(), governor.activeFrom(), supply, MIN_SUPPLY
        );
        vm.prank(MALLORY);
        vm.expectRevert(reason);
        governor.propose(targets, values, calls, "mine");
    }

    function test_allIoOfDayEightProposesNothing() external {
        uint256 supply = buyEverything(8);
        vm.assertEq(supply / 1e18, 131_506);
        refusesToPropose(supply);
    }

    function test_nothingWaitsForTheDayOnWhichItWakes() external {
        uint256 supply = buyEverything(8);
        refusesToPropose(supply);
        vm.warp(governor.activeFrom() - 1);
        giveIo(BOB, MIN_SUPPLY);
        refusesToPropose(supply + MIN_SUPPLY);
    }

    function test_allIoOfDayAHundredAndEightyOneProposesNothingBelowTwoMillion() external {
        buyEverything(181);
        // All of the schedule would be enough by then; with what was burned it is not.
        uint256 supply = MIN_SUPPLY - 1;
        vm.prank(MALLORY);
        io.approve(address(burner), type(uint256).max);
        uint256 excess = io.totalSupply() - supply;
        vm.prank(address(burner));
        io.burnFrom(MALLORY, excess);
        pass(1);
        refusesToPropose(supply);
    }

    function test_theTimelockAndWhatItRulesTakeNothingFromHer() external {
        buyEverything(8);
        EpochParams memory params = epochParams();
        vm.prank(MALLORY);
        vm.expectRevert(abi.encodeWithSelector(IParameters.Unauthorized.selector, MALLORY, address(timelock)));
        parameters.set(params);
        bytes32 role = timelock.PROPOSER_ROLE();
        vm.prank(MALLORY);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, MALLORY, role)
        );
        timelock.schedule(address(parameters), 0, abi.encodeCall(IParameters.set, (params)), 0, 0, 14 days);
    }

    /// @dev When it is awake, nobody else votes, and she has a wei less than the quorum.
    function test_anAbsentMajorityIsNoQuorum() external {
        giveIo(BOB, MIN_SUPPLY);
        giveIo(MALLORY, 200_000e18 - 1);
        waitUntil(governor.activeFrom());
        uint256 proposal = propose(MALLORY);
        pass(2 days + 1);
        voteFor(proposal, MALLORY);
        pass(7 days);
        isIn(proposal, IGovernor.ProposalState.Defeated);
    }

    /// @dev Even with the quorum everybody sees it for 2 + 7 + 14 days before it happens.
    function test_aCaptureIsSeenForTwentyThreeDays() external {
        giveIo(BOB, MIN_SUPPLY);
        giveIo(MALLORY, 200_000e18);
        waitUntil(governor.activeFrom());
        uint256 begun = vm.getBlockTimestamp();
        uint256 proposal = propose(MALLORY);
        pass(2 days + 1);
        voteFor(proposal, MALLORY);
        pass(7 days);
        queue();
        vm.assertGe(governor.proposalEta(proposal), begun + 23 days);
    }
}
