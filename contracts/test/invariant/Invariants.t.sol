// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Test} from "../support/Test.sol";
import {Campaign} from "./support/Campaign.sol";

contract InvariantsTest is Test {
    uint256 private constant WALKS = 32;
    uint256 private constant STEPS = 128;

    event log_named_uint(string what, uint256 count);

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Campaign private campaign;

    function setUp() external {
        campaign = begin();
    }

    function begin() private returns (Campaign one) {
        one = Campaign(vm.deployCode("Campaign.sol:Campaign", ""));
        one.start();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(campaign);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(campaign), campaign.actions());
    }

    /// @dev 1 to 13 and 15 to 20, each in a function of MoneyChecks or RuleChecks that has its number.
    function invariant_allHold() external {
        campaign.checkAll();
    }

    /// @dev Without it, campaigns whose calls do nothing would pass. `forge test -vv` prints how often each thing happened.
    function test_everyHandlerDoesSomething() external {
        bytes32[] memory all = everything();
        uint256[] memory counts = new uint256[](all.length);
        for (uint256 walk = 0; walk < WALKS; ++walk) {
            Campaign one = begin();
            bytes4[] memory actions = one.actions();
            for (uint256 i = 0; i < STEPS; ++i) {
                uint256 seed = uint256(keccak256(abi.encode(walk, i)));
                (bool ok,) =
                    address(one).call(abi.encodeWithSelector(actions[seed % actions.length], seed >> 8));
                vm.assertTrue(ok);
                if (i % 8 == 0) one.checkAll();
            }
            one.checkAll();
            for (uint256 i = 0; i < all.length; ++i) {
                counts[i] += one.done(all[i]);
            }
        }
        for (uint256 i = 0; i < all.length; ++i) {
            string memory what = string(abi.encodePacked(all[i]));
            emit log_named_uint(what, counts[i]);
        }
        for (uint256 i = 0; i < all.length; ++i) {
            string memory what = string(abi.encodePacked(all[i]));
            require(counts[i] != 0, string.concat("never happened: ", what));
        }
    }

    function everything() private pure returns (bytes32[] memory all) {
        bytes32[59] memory list = [
            bytes32("price"),
            "price by quorum",
            "burn",
            "burn with report",
            "burn with permit",
            "burn refused",
            "permit front-run",
            "pause",
            "pause refused",
            "deposit",
            "hold",
            "charge",
            "request",
            "cancel",
            "finish",
            "finish refused",
            "finish by the last root",
            "finish while paused",
            "spender",
            "settle by quorum",
            "settle by group key",
            "settle late",
            "settle while paused",
            "activate",
            "activate while paused",
            "debit of IO",
            "debit of IOSD",
            "catch up",
            "empty",
            "empty while paused",
            "veto",
            "stage and veto",
            "theft refused",
            "theft vetoed",
            "net emission at its cap",
            "net emission of all burns",
            "schedule at its end",
            "claim",
            "claim refused",
            "claim while paused",
            "claim many",
            "claim as IOSD",
            "claim as IOSD refused",
            "payout",
            "device",
            "model",
            "model retired",
            "rotation",
            "rotation to another set",
            "proposal",
            "suspension",
            "liar on record",
            "parameters",
            "set installed",
            "time",
            "noise",
            "replay",
            "mutation",
            "hostile call"
        ];
        all = new bytes32[](list.length);
        for (uint256 i = 0; i < list.length; ++i) {
            all[i] = list[i];
        }
    }
}
