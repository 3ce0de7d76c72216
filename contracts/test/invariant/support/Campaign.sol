// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Disputes} from "./Disputes.sol";
import {Earners} from "./Earners.sol";
import {Fingerprints} from "./Fingerprints.sol";
import {Hostiles} from "./Hostiles.sol";
import {Market} from "./Market.sol";
import {Members} from "./Members.sol";
import {MoneyChecks} from "./MoneyChecks.sol";
import {Payers} from "./Payers.sol";
import {Relayer} from "./Relayer.sol";
import {RuleChecks} from "./RuleChecks.sol";
import {Surface} from "./Surface.sol";
import {Thieves} from "./Thieves.sol";

/// @notice Every role at work on one network, and the books of all of them. What a role does is code of its own, which
/// runs here, on the state here: together they would be larger than a contract may be. Each action takes one number, from
/// which it makes whatever it needs, and none reverts: what fails is kept, and found by the next check.
contract Campaign is Surface {
    Market private immutable _market;
    Payers private immutable _payers;
    Relayer private immutable _relayer;
    Disputes private immutable _disputes;
    Earners private immutable _earners;
    Members private immutable _members;
    Hostiles private immutable _hostiles;
    Thieves private immutable _thieves;
    Fingerprints private immutable _fingerprints;
    MoneyChecks private immutable _moneyChecks;
    RuleChecks private immutable _ruleChecks;

    constructor() {
        build();
        paramsFrom.push(0);
        paramsValues.push(firstParams());
        levelAt = START;
        rootActivatedAt = START;
        listEntries();
        _market = Market(vm.deployCode("Market.sol:Market", ""));
        _payers = Payers(vm.deployCode("Payers.sol:Payers", ""));
        _relayer = Relayer(vm.deployCode("Relayer.sol:Relayer", ""));
        _disputes = Disputes(vm.deployCode("Disputes.sol:Disputes", ""));
        _earners = Earners(vm.deployCode("Earners.sol:Earners", ""));
        _members = Members(vm.deployCode("Members.sol:Members", ""));
        _hostiles = Hostiles(vm.deployCode("Hostiles.sol:Hostiles", ""));
        _thieves = Thieves(vm.deployCode("Thieves.sol:Thieves", ""));
        _fingerprints = Fingerprints(vm.deployCode("Fingerprints.sol:Fingerprints", ""));
        _moneyChecks = MoneyChecks(vm.deployCode("MoneyChecks.sol:MoneyChecks", ""));
        _ruleChecks = RuleChecks(vm.deployCode("RuleChecks.sol:RuleChecks", ""));
    }

    /// @notice The first key, price, burns and deposits, once there is code here to call.
    function start() external {
        this.rotateKey(0);
        this.pushPrice(1);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            this.burnExactIn(i);
            this.depositIo(i);
            this.depositIosd(i);
        }
        pass(1);
    }

    /// @notice All invariants that can be seen here.
    function checkAll() external {
        relay(address(_moneyChecks), abi.encodeCall(MoneyChecks.checkMoney, ()));
        relay(address(_ruleChecks), abi.encodeCall(RuleChecks.checkRules, ()));
        if (fault.length != 0) bubble(fault);
    }

    function fingerprints() external returns (bytes32, bytes32) {
        return abi.decode(relay(address(_fingerprints), msg.data), (bytes32, bytes32));
    }

    function attempt(address, address, bytes calldata) external {
        relay(address(_hostiles), msg.data);
    }

    // --- market ---

    function pushPrice(uint256) external {
        act(address(_market));
    }

    function pushPriceByQuorum(uint256) external {
        act(address(_market));
    }

    function burnExactIn(uint256) external {
        act(address(_market));
    }

    function burnExactOut(uint256) external {
        act(address(_market));
    }

    function burnExactInWithPermit(uint256) external {
        act(address(_market));
    }

    function burnExactOutWithPermit(uint256) external {
        act(address(_market));
    }

    function pauseBurns(uint256) external {
        act(address(_market));
    }

    // --- payers ---

    function depositIo(uint256) external {
        act(address(_payers));
    }

    function depositIosd(uint256) external {
        act(address(_payers));
    }

    function acceptHold(uint256) external {
        act(address(_payers));
    }

    function charge(uint256) external {
        act(address(_payers));
    }

    function requestWithdraw(uint256) external {
        act(address(_payers));
    }

    function cancelWithdrawal(uint256) external {
        act(address(_payers));
    }

    function finishWithdrawal(uint256) external {
        act(address(_payers));
    }

    function setSpender(uint256) external {
        act(address(_payers));
    }

    // --- relayer ---

    function settleNext(uint256) external {
        act(address(_relayer));
    }

    function activateStaged(uint256) external {
        act(address(_relayer));
    }

    function catchUp(uint256) external {
        act(address(_relayer));
    }

    function emptyNext(uint256) external {
        act(address(_relayer));
    }

    // --- disputes ---

    function vetoStaged(uint256) external {
        act(address(_disputes));
    }

    function stageAndVeto(uint256) external {
        act(address(_disputes));
    }

    function thief(uint256) external {
        act(address(_disputes));
    }

    // --- earners ---

    function claim(uint256) external {
        act(address(_earners));
    }

    function claimMany(uint256) external {
        act(address(_earners));
    }

    function claimAsIosd(uint256) external {
        act(address(_earners));
    }

    function setPayout(uint256) external {
        act(address(_earners));
    }

    function registerDevice(uint256) external {
        act(address(_earners));
    }

    function publishModel(uint256) external {
        act(address(_earners));
    }

    function retireModel(uint256) external {
        act(address(_earners));
    }

    // --- members ---

    function rotateKey(uint256) external {
        act(address(_members));
    }

    function proposeSet(uint256) external {
        act(address(_members));
    }

    function suspendLiar(uint256) external {
        act(address(_members));
    }

    function setParameters(uint256) external {
        act(address(_members));
    }

    function installSet(uint256) external {
        act(address(_members));
    }

    // --- hostiles ---

    function hostileNoise(uint256) external {
        act(address(_hostiles));
    }

    function hostileReplay(uint256) external {
        act(address(_hostiles));
    }

    function hostileMutation(uint256) external {
        act(address(_hostiles));
    }

    // --- thieves ---

    function hostileCall(uint256) external {
        act(address(_thieves));
    }

    function donate(uint256) external {
        act(address(_thieves));
    }

    function donateIosd(uint256) external {
        act(address(_thieves));
    }

    // --- time ---

    function passMinutes(uint256 seed) external {
        pass(1 + seed % 1 hours);
        did("time");
    }

    function passSeconds(uint256 seed) external {
        pass(1 + seed % 30);
    }

    function passHours(uint256 seed) external {
        pass(1 + seed % 2 hours);
    }

    function passDays(uint256 seed) external {
        uint256 chance = roll(seed, "days") % 16;
        pass(chance == 0 ? 31 days : chance < 4 ? 1 + seed % 1 days : 1 + seed % 6 hours);
    }

    /// @notice What a campaign calls, one as often as the other.
    function actions() external pure returns (bytes4[] memory all) {
        bytes4[44] memory list = [
            this.pushPrice.selector,
            this.pushPriceByQuorum.selector,
            this.burnExactIn.selector,
            this.burnExactOut.selector,
            this.burnExactInWithPermit.selector,
            this.burnExactOutWithPermit.selector,
            this.pauseBurns.selector,
            this.depositIo.selector,
            this.depositIosd.selector,
            this.acceptHold.selector,
            this.charge.selector,
            this.requestWithdraw.selector,
            this.cancelWithdrawal.selector,
            this.finishWithdrawal.selector,
            this.setSpender.selector,
            this.settleNext.selector,
            this.activateStaged.selector,
            this.catchUp.selector,
            this.emptyNext.selector,
            this.vetoStaged.selector,
            this.stageAndVeto.selector,
            this.thief.selector,
            this.claim.selector,
            this.claimMany.selector,
            this.claimAsIosd.selector,
            this.setPayout.selector,
            this.registerDevice.selector,
            this.publishModel.selector,
            this.retireModel.selector,
            this.rotateKey.selector,
            this.proposeSet.selector,
            this.suspendLiar.selector,
            this.setParameters.selector,
            this.installSet.selector,
            this.hostileNoise.selector,
            this.hostileReplay.selector,
            this.hostileMutation.selector,
            this.hostileCall.selector,
            this.donate.selector,
            this.donateIosd.selector,
            this.passSeconds.selector,
            this.passMinutes.selector,
            this.passHours.selector,
            this.passDays.selector
        ];
        all = new bytes4[](list.length);
        for (uint256 i = 0; i < list.length; ++i) {
            all[i] = list[i];
        }
    }

    function act(address role) private {
        keep(role, msg.data);
        keep(address(_ruleChecks), abi.encodeCall(RuleChecks.checkProgress, ()));
    }

    /// @dev Whatever reverts is undone, and the first of it is kept as the fault.
    function keep(address part, bytes memory data) private {
        (bool ok, bytes memory why) = part.delegatecall(data);
        if (!ok && fault.length == 0) fault = why.length == 0 ? bytes("an action failed") : why;
    }

    function relay(address part, bytes memory data) private returns (bytes memory result) {
        bool ok;
        (ok, result) = part.delegatecall(data);
        if (!ok) bubble(result);
    }
}
