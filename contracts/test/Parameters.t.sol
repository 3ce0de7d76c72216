// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochParams, IParameters} from "../src/interfaces/IParameters.sol";
import {Economy} from "./support/Economy.sol";

contract ParametersTest is Economy {
    function setUp() external {
        vm.warp(START);
        parameters = deployParameters(timing(), epochParams());
    }

    function withFee(uint16 feeBps) private pure returns (EpochParams memory params) {
        params = epochParams();
        params.feeBps = feeBps;
    }

    function set(EpochParams memory params) private returns (uint32) {
        vm.prank(TIMELOCK);
        return parameters.set(params);
    }

    function refuses(EpochParams memory params, bytes memory reason) private {
        vm.expectRevert(reason);
        set(params);
    }

    function feeAt(uint64 epoch) private view returns (uint256) {
        (, EpochParams memory params) = parameters.paramsAt(epoch);
        return params.feeBps;
    }

    function test_beginWithTheFirstVersionFromEpochZero() external view {
        (uint32 version, EpochParams memory params) = parameters.paramsAt(0);
        vm.assertEq(version, 1);
        vm.assertEq(keccak256(abi.encode(params)), keccak256(abi.encode(epochParams())));
        vm.assertEq(parameters.versionAt(type(uint64).max), 1);
    }

    function test_changeFromTheNextEpochOn() external {
        vm.warp(START + 5 * EPOCH_LENGTH_SEC);
        vm.expectEmit(true, true, true, true, address(parameters));
        emit IParameters.ParametersSet(2, 6, withFee(300));
        vm.assertEq(set(withFee(300)), 2);
        vm.assertEq(feeAt(5), 200);
        vm.assertEq(feeAt(6), 300);
        vm.assertEq(feeAt(1_000_000), 300);
        vm.assertEq(parameters.versionAt(5), 1);
        vm.assertEq(parameters.versionAt(6), 2);
        vm.assertEq(parameters.paramsOf(2).feeBps, 300);
    }

    function test_ofTwoChangesInOneEpochTheLastHolds() external {
        set(withFee(300));
        set(withFee(400));
        vm.assertEq(feeAt(0), 200);
        vm.assertEq(feeAt(1), 400);
        vm.assertEq(parameters.versionAt(1), 3);
    }

    function testFuzz_ofAnEpochThatHasBegunNeverChange(uint8[8] memory gaps, uint256 asked) external {
        uint64[9] memory from;
        uint64 epoch = 0;
        for (uint256 i = 0; i < gaps.length; ++i) {
            epoch += 1 + uint64(gaps[i]);
            vm.warp(START + epoch * EPOCH_LENGTH_SEC);
            set(withFee(uint16(i)));
            from[i + 1] = epoch + 1;
        }
        uint64 at = uint64(bound(asked, 0, epoch + 10));
        uint32 expected = 1;
        for (uint32 i = 1; i < 9; ++i) {
            if (from[i] <= at) expected = i + 1;
        }
        vm.assertEq(parameters.versionAt(at), expected);
    }

    function test_areSetByTheTimelockOnly() external {
        vm.expectRevert(abi.encodeWithSelector(IParameters.Unauthorized.selector, address(this), TIMELOCK));
        parameters.set(epochParams());
    }

    function test_haveAnAnswerForVersionsThatExistOnly() external {
        vm.expectRevert(abi.encodeWithSelector(IParameters.UnknownVersion.selector, 0, 1));
        parameters.paramsOf(0);
        vm.expectRevert(abi.encodeWithSelector(IParameters.UnknownVersion.selector, 2, 1));
        parameters.paramsOf(2);
    }

    function above(string memory name, uint256 given, uint256 maximum) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IParameters.AboveMaximum.selector, name, given, maximum);
    }

    function below(string memory name, uint256 given, uint256 minimum) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IParameters.BelowMinimum.selector, name, given, minimum);
    }

    function test_cannotLeaveTheirBounds() external {
        EpochParams memory params = epochParams();
        params.hiredBps = 9001;
        refuses(params, above("hiredBps", 9001, 9000));

        params = epochParams();
        params.hireTaxBps = 481;
        refuses(params, below("hireTaxBps", 481, 482));
        params.hireTaxBps = 2001;
        refuses(params, above("hireTaxBps", 2001, 2000));

        refuses(withFee(1001), above("feeBps", 1001, 1000));

        params = epochParams();
        params.gatewayBps = 2001;
        refuses(params, above("gatewayBps", 2001, 2000));

        params = epochParams();
        params.maxDebitBps = 99;
        refuses(params, below("maxDebitBps", 99, 100));
        params.maxDebitBps = 10_001;
        refuses(params, above("maxDebitBps", 10_001, 10_000));

        params = epochParams();
        params.targetWeight = 0;
        refuses(params, below("targetWeight", 0, 1));
    }

    function test_canReachTheirBounds() external {
        set(EpochParams(9000, 482, 1000, 2000, 100, 1));
        set(EpochParams(0, 2000, 0, 0, 10_000, type(uint64).max));
    }

    function test_neverMakeAHireOfOneselfPay() external view {
        uint256 tax = parameters.MIN_HIRE_TAX_BPS();
        uint256 withError = 10_000 + parameters.ORACLE_ERROR_BPS();
        vm.assertLe((10_000 - tax) * withError ** 2, 10_000 ** 3);
        vm.assertTrue((10_000 - tax + 1) * withError ** 2 > 10_000 ** 3);
    }

    function test_areCheckedAtTheStartToo() external {
        EpochParams memory params = epochParams();
        params.hiredBps = 10_000;
        vm.expectRevert(above("hiredBps", 10_000, 9000));
        vm.deployCode("Parameters.sol:Parameters", abi.encode(TIMELOCK, timing(), params));
    }
}
