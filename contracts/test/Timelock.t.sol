// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {EpochParams, IParameters} from "../src/interfaces/IParameters.sol";
import {ITimelock} from "../src/interfaces/ITimelock.sol";
import {Economy} from "./support/Economy.sol";

contract TimelockTest is Economy {
    function setUp() external {
        deployEconomy(0);
    }

    function create(uint256 delaySec) external {
        deployTimelock(delaySec, address(governor));
    }

    function changedParams() private pure returns (EpochParams memory params) {
        params = epochParams();
        params.feeBps = 300;
    }

    function change() private pure returns (bytes memory) {
        return abi.encodeCall(IParameters.set, (changedParams()));
    }

    function test_isWhatTheContractsKnow() external view {
        vm.assertEq(parameters.timelock(), address(timelock));
        vm.assertEq(registry.timelock(), address(timelock));
        vm.assertEq(governor.timelock(), address(timelock));
        vm.assertEq(timelock.getMinDelay(), 14 days);
    }

    function test_givesItsRolesToTheGovernorAndToNobodyElse() external view {
        address self = address(timelock);
        address only = address(governor);
        vm.assertTrue(timelock.hasRole(timelock.PROPOSER_ROLE(), only));
        vm.assertTrue(timelock.hasRole(timelock.CANCELLER_ROLE(), only));
        vm.assertTrue(timelock.hasRole(timelock.EXECUTOR_ROLE(), address(0)));
        vm.assertTrue(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), self));
        vm.assertFalse(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), only));
        vm.assertFalse(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), address(0)));
        vm.assertFalse(timelock.hasRole(timelock.PROPOSER_ROLE(), address(0)));
        vm.assertFalse(timelock.hasRole(timelock.CANCELLER_ROLE(), address(0)));
    }

    function testFuzz_nobodyButTheGovernorSchedules(address caller) external {
        vm.assume(caller != address(governor));
        bytes32 role = timelock.PROPOSER_ROLE();
        vm.prank(caller);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, caller, role)
        );
        timelock.schedule(address(parameters), 0, change(), 0, 0, 14 days);
    }

    function testFuzz_nobodyButTheGovernorCancels(address caller) external {
        vm.assume(caller != address(governor));
        bytes32 role = timelock.CANCELLER_ROLE();
        vm.prank(caller);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, caller, role)
        );
        timelock.cancel(0);
    }

    function test_anybodyExecutesWhenTheDelayIsOver() external {
        vm.prank(address(governor));
        timelock.schedule(address(parameters), 0, change(), 0, 0, 14 days);
        vm.warp(START + 14 days - 1);
        vm.expectRevert();
        timelock.execute(address(parameters), 0, change(), 0, 0);
        vm.warp(START + 14 days);
        vm.prank(BOB);
        timelock.execute(address(parameters), 0, change(), 0, 0);
        vm.assertEq(parameters.latestVersion(), 2);
        vm.assertEq(parameters.paramsOf(2).feeBps, 300);
    }

    function test_refusesAShorterDelayThanItsOwn() external {
        vm.prank(address(governor));
        vm.expectRevert(
            abi.encodeWithSelector(
                TimelockController.TimelockInsufficientDelay.selector, 14 days - 1, 14 days
            )
        );
        timelock.schedule(address(parameters), 0, change(), 0, 0, 14 days - 1);
    }

    function test_isNotCreatedWithAShorterDelayThanFourteenDays() external {
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(ITimelock.DelayTooShort.selector, 14 days - 1, 14 days));
        this.create(14 days - 1);
        this.create(14 days);
    }

    function test_aVoteDoesNotMakeTheDelayShorterThanFourteenDays() external {
        vm.chainId(1);
        vm.prank(address(timelock));
        vm.expectRevert(abi.encodeWithSelector(ITimelock.DelayTooShort.selector, 14 days - 1, 14 days));
        timelock.updateDelay(14 days - 1);
        vm.prank(address(timelock));
        timelock.updateDelay(30 days);
        vm.prank(address(timelock));
        timelock.updateDelay(14 days);
        vm.assertEq(timelock.getMinDelay(), 14 days);
    }

    function test_takesAnyDelayOnADevelopmentChain() external {
        this.create(0);
        vm.prank(address(timelock));
        timelock.updateDelay(1);
        vm.assertEq(timelock.getMinDelay(), 1);
    }

    function testFuzz_onlyItselfChangesItsDelay(address caller) external {
        vm.assume(caller != address(timelock));
        vm.prank(caller);
        vm.expectRevert(
            abi.encodeWithSelector(TimelockController.TimelockUnauthorizedCaller.selector, caller)
        );
        timelock.updateDelay(30 days);
    }

    function test_nobodyChangesRolesNotEvenAVote() external {
        address[3] memory callers = [address(timelock), address(governor), BOB];
        bytes32 role = timelock.PROPOSER_ROLE();
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            vm.expectRevert(abi.encodeWithSelector(ITimelock.RolesAreFixed.selector));
            timelock.grantRole(role, BOB);
            vm.prank(callers[i]);
            vm.expectRevert(abi.encodeWithSelector(ITimelock.RolesAreFixed.selector));
            timelock.revokeRole(role, address(governor));
            vm.prank(callers[i]);
            vm.expectRevert(abi.encodeWithSelector(ITimelock.RolesAreFixed.selector));
            timelock.renounceRole(role, callers[i]);
        }
        vm.assertTrue(timelock.hasRole(role, address(governor)));
    }
}
